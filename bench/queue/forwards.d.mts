/** A forward call of the network, in ms by the clock that never jumps. */
export interface Forward {
  began: number;
  ended: number;
}

export function readForwards(notes: string, from: number): Promise<Forward[]>;
export function secondsIn(forwards: Forward[]): number;
export function gapsBetweenSongs(forwards: Forward[], callsOfSongs: number[]): number[] | null;
