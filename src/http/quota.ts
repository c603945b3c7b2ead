/** Counts what every address holds of something that there is only so much of. */
export class Quota {
  readonly #held = new Map<string, number>();
  #all = 0;
  readonly #bounds: { ofOneAddress: number; ofAll: number };

  constructor(bounds: { ofOneAddress: number; ofAll: number }) {
    this.#bounds = bounds;
  }

  /** Takes one for this address, if there is one left for it. */
  take(address: string): boolean {
    const held = this.#held.get(address) ?? 0;
    if (held >= this.#bounds.ofOneAddress || this.#all >= this.#bounds.ofAll) return false;
    this.#held.set(address, held + 1);
    this.#all += 1;
    return true;
  }

  /** Gives back what was taken. */
  giveBack(address: string, count = 1): void {
    const left = (this.#held.get(address) ?? 0) - count;
    if (left > 0) this.#held.set(address, left);
    else this.#held.delete(address);
    this.#all -= count;
  }
}
