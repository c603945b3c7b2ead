/** Peak device memory measured for a model at one batch size. */
export interface DevicePeak {
  modelType: string;
  device: string;
  /** Null: the batch size of the model's YAML. */
  batchSize: number | null;
  /** The model's version; a measurement does not apply to any other version. */
  version: string;
  bytes: number;
  /** The measurement holds for mixtures up to this length; null: for any length. */
  upToSeconds: number | null;
}

/** Stores measured peaks across restarts. */
export interface DevicePeakStore {
  all(): Promise<DevicePeak[]>;
  /** Replaces the stored peak of this model, device and batch size. */
  save(peak: DevicePeak): Promise<void>;
}
