import type { ListedModel } from '../../config/config.ts';
import { closest } from '../../didYouMean.ts';
import type { ParamProblem } from '../../errors.ts';
import { isForWhatMsstLacks, lacksModules } from '../inspection/lacking.ts';
import { listedCandidates } from './listedModels.ts';
import {
  goneModel,
  missingModelType,
  noModels,
  unavailability,
  unavailableModel,
  unknownModel,
} from './modelErrors.ts';
import type { CatalogLog, ModelCandidate, ModelEntry } from '../inspection/modelEntry.ts';
import type { ModuleNeeds } from '../inspection/moduleNeeds.ts';
import { modelVersion, readModel } from '../inspection/readModel.ts';
import { scanForModels } from '../discovery/scan.ts';

/** A listed or scanned model that currently cannot be used. */
export interface UnavailableModel {
  name: string;
  /** A clause that may be shown to clients, such as `its checkpoint is missing`. */
  reason: string;
  /** True when it is listed in the configuration, false when it was found by the scan. */
  listed: boolean;
  isDefault: boolean;
}

/** The models of this server, as of the last `refresh`. */
export interface ModelCatalog {
  /** The usable models: listed ones first, then scanned ones by name. */
  list(): ModelEntry[];
  unavailable(): UnavailableModel[];
  /** The model for tasks that name none; null when there is no default or it is currently unavailable. */
  default(): ModelEntry | null;
  /**
   * Finds a usable model by name (exact, else ignoring case), else by architecture (the default model if it fits,
   * else the first in list order).
   */
  find(modelType: string): ModelEntry | null;
  /** The usable model with exactly this name, as stored with a task; null when there is none now. */
  named(name: string): ModelEntry | null;
  /**
   * Finds the model with exactly this name after checking its files again.
   *
   * @returns the model, or a sentence for clients when it cannot be used
   */
  look(name: string): Promise<ModelEntry | string>;
  /** Re-reads models whose files have appeared, disappeared or changed. */
  refresh(): Promise<void>;
  /**
   * Finds the model for a new task after checking the files again.
   *
   * @param modelType undefined: the default model
   * @returns a problem when it is unknown, or when none is given and there is no default
   * @throws {AppError} MODEL_UNAVAILABLE
   */
  require(modelType: string | undefined): Promise<ModelEntry | { problem: ParamProblem }>;
  /** Marks a model that failed to load as unavailable until one of its files changes. */
  markUnavailable(name: string, reason: string): void;
}

/** A known model and the result of reading its files. */
interface Slot {
  candidate: ModelCandidate;
  listed: boolean;
  version: string | null;
  /** `ModuleNeeds.marks()` when it was last read or failed to load. */
  marks: string;
  /** Null when unknown. */
  architecture: string | null;
  /** Notes on how the architecture was determined; each is logged once. */
  notes: string[];
  state: { entry: ModelEntry } | { reason: string };
}

/**
 * Finds and reads all models. An unusable model causes a warning, never a failure.
 *
 * @param sources.projectRoot searched together with `msstRoot`; both absolute
 * @param sources.extraModelDirs folders of other tools, searched completely; absolute
 * @param sources.needs the architectures that the MSST in use builds, and the Python modules they lack
 * @param sources.listed models added to the scanned ones, replacing those of the same name
 * @param sources.defaultModelType null: the only model, else `starter`, else none
 */
export async function createModelCatalog(sources: {
  projectRoot: string;
  msstRoot: string;
  extraModelDirs: readonly string[];
  needs: ModuleNeeds;
  listed: readonly ListedModel[];
  defaultModelType: string | null;
  log: CatalogLog;
}): Promise<ModelCatalog> {
  const { log, needs } = sources;
  const { extraModelDirs } = sources;
  const roots = [sources.projectRoot, sources.msstRoot];
  const listed = listedCandidates(sources.listed, log);
  const places = { roots, extraModelDirs, knownArchitectures: needs.architectures() };
  const scanned = await scanForModels(places, listed, log);
  const slots = [...listed.map(newSlot(true)), ...scanned.map(newSlot(false))];

  const refreshSlot = async (slot: Slot): Promise<void> => {
    const version = await modelVersion(slot.candidate);
    const marks = isWaiting(slot) ? needs.marks() : slot.marks;
    if (version === slot.version && marks === slot.marks) return;
    const surroundings = {
      roots: [...roots, ...extraModelDirs],
      knownArchitectures: needs.architectures(),
    };
    slot.marks = needs.marks();
    const read = await readModel(slot.candidate, version, surroundings);
    slot.version = version;
    slot.architecture = read.architecture;
    warnOfArchitecture(slot, read.notes, log);
    const missing = read.ok ? needs.missing(read.entry.architecture) : [];
    const state = read.ok ? { entry: read.entry } : { reason: read.problem };
    changeState(slot, missing.length > 0 ? { reason: lacksModules(missing) } : state, log);
  };
  const refresh = shareWhileRunning(async () => {
    await needs.refresh();
    await Promise.all(slots.map(refreshSlot));
  });
  await refresh();

  const usable = () => slots.flatMap((slot) => ('entry' in slot.state ? [slot.state.entry] : []));
  const names = () => usable().map((entry) => entry.name);
  const defaultSlot = chooseDefault(slots, sources.defaultModelType, log);
  const resolve = (modelType: string) => findSlot(slots, modelType, defaultSlot);
  const slotOf = (name: string) => slots.find(({ candidate }) => candidate.name === name);

  return {
    list: usable,
    unavailable: () =>
      slots.flatMap(({ candidate: { name }, listed, state }) =>
        'reason' in state
          ? [{ name, reason: state.reason, listed, isDefault: name === defaultSlot?.candidate.name }]
          : [],
      ),
    default: () => entryOf(defaultSlot),
    find: (modelType) => entryOf(resolve(modelType)),
    named: (name) => entryOf(slotOf(name)),
    async look(name) {
      const slot = slotOf(name);
      if (!slot) return goneModel(name);
      await needs.refresh();
      await refreshSlot(slot);
      return 'entry' in slot.state ? slot.state.entry : unavailability(name, slot.state.reason);
    },
    refresh,
    async require(modelType) {
      await refresh();
      if (slots.length === 0) throw noModels();
      const slot = modelType === undefined ? defaultSlot : resolve(modelType);
      if (!slot) {
        const valid = names();
        return {
          problem: modelType === undefined ? missingModelType(valid) : unknownModel(modelType, valid),
        };
      }
      if ('reason' in slot.state) throw unavailableModel(slot.candidate.name, slot.state.reason, names());
      return slot.state.entry;
    },
    markUnavailable(name, reason) {
      const slot = slotOf(name);
      if (!slot) return;
      slot.marks = needs.marks();
      changeState(slot, { reason }, log);
    },
  };
}

const newSlot =
  (listed: boolean) =>
  (candidate: ModelCandidate): Slot => ({
    candidate,
    listed,
    version: null,
    marks: '',
    architecture: candidate.architecture,
    notes: [],
    state: { reason: 'it has not been read yet' },
  });

/** Whether installing packages or switching the MSST checkout could make the model usable. */
const isWaiting = ({ state }: Slot) => 'reason' in state && isForWhatMsstLacks(state.reason);

function changeState(slot: Slot, state: Slot['state'], log: CatalogLog): void {
  const { name, configPath, checkpointPath } = slot.candidate;
  const fields = { model: name, configPath, checkpointPath };
  const { precision, compile } = slot.candidate;
  slot.state = state;
  if ('reason' in state) log.warn({ ...fields, reason: state.reason }, 'a model is unavailable');
  else
    log.info(
      { ...fields, architecture: state.entry.architecture, precision, compile },
      'a model is available',
    );
}

/** Logs each note once, as long as it stays the same. */
function warnOfArchitecture(slot: Slot, notes: string[], log: CatalogLog): void {
  const { name, configPath, checkpointPath } = slot.candidate;
  const fields = { model: name, configPath, checkpointPath, architecture: slot.architecture };
  for (const reason of notes.filter((note) => !slot.notes.includes(note))) {
    log.warn({ ...fields, reason }, 'the architecture of a model is uncertain');
  }
  slot.notes = notes;
}

const entryOf = (slot: Slot | undefined): ModelEntry | null =>
  slot && 'entry' in slot.state ? slot.state.entry : null;

/** Finds a slot by name, else by architecture, where usable models take precedence. */
function findSlot(slots: readonly Slot[], modelType: string, preferred: Slot | undefined): Slot | undefined {
  const lower = modelType.toLowerCase();
  const named =
    slots.find(({ candidate }) => candidate.name === modelType) ??
    slots.find(({ candidate }) => candidate.name.toLowerCase() === lower);
  if (named) return named;
  const ofArchitecture = (preferred ? [preferred, ...slots] : slots).filter(
    ({ architecture }) => architecture?.toLowerCase() === lower,
  );
  return ofArchitecture.find((slot) => 'entry' in slot.state) ?? ofArchitecture[0];
}

/** Chooses the default once, among all models, so that file changes never silently move tasks to another model. */
function chooseDefault(slots: readonly Slot[], configured: string | null, log: CatalogLog): Slot | undefined {
  if (configured === null) {
    return slots.length === 1 ? slots[0] : slots.find(({ candidate }) => candidate.name === 'starter');
  }
  const found = findSlot(slots, configured, undefined);
  if (!found) {
    const names = slots.map(({ candidate }) => candidate.name);
    const didYouMean = closest(configured, names);
    log.warn(
      { default_model_type: configured, didYouMean, names },
      'default_model_type names an unknown model: there is no default',
    );
  }
  return found;
}

/** Concurrent calls share one run, so that a burst of requests checks the disk once. */
function shareWhileRunning(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= run().finally(() => {
      running = null;
    });
    return running;
  };
}
