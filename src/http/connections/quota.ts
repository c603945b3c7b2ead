/** Limits the units of a resource in use, in total and per address. */
export class Quota {
  readonly #held = new Map<string, number>();
  #all = 0;
  readonly #bounds: { ofOneAddress: number; ofAll: number };

  constructor(bounds: { ofOneAddress: number; ofAll: number }) {
    this.#bounds = bounds;
  }

  /** Takes one unit for this address. @returns false if a limit is reached */
  take(address: string): boolean {
    const held = this.#held.get(address) ?? 0;
    if (held >= this.#bounds.ofOneAddress || this.#all >= this.#bounds.ofAll) return false;
    this.#held.set(address, held + 1);
    this.#all += 1;
    return true;
  }

  /** Releases units that this address has taken. */
  giveBack(address: string, count = 1): void {
    const left = (this.#held.get(address) ?? 0) - count;
    if (left > 0) this.#held.set(address, left);
    else this.#held.delete(address);
    this.#all -= count;
  }
}
