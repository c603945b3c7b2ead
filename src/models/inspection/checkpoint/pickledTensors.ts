import { setImmediate } from 'node:timers/promises';

/** Tensor shapes by name. Names of nested dictionaries are not prefixed with their parents' names. */
export type TensorShapes = ReadonlyMap<string, readonly number[]>;

const MAX_NAME_BYTES = 512;
const MAX_DIMENSIONS = 16;
/** Maximum time without yielding to the event loop. */
const SLICE_MS = 5;
const OPCODES_BETWEEN_LOOKS = 500;

const tensorFunctions: readonly string[] = ['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_tensor_v3'];

/** A value on the pickle machine's stack; only values that shapes are built from are distinguished. */
type Held =
  | { kind: 'number'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'tuple'; items: readonly Held[] }
  | { kind: 'function'; name: string }
  | { kind: 'tensor'; shape: readonly number[] }
  | { kind: 'mark' }
  | { kind: 'other' };

/** Stack limit; real pickles hold a few thousand values at a time. */
const MAX_HELD = 100_000;
const MAX_REMEMBERED = 1_000_000;

const OTHER: Held = { kind: 'other' };
const MARK: Held = { kind: 'mark' };

/**
 * Reads tensor names and shapes from a pickle written by `torch.save` (protocol 2 or later). Opcodes are
 * interpreted only as far as needed; no object is constructed and no function is called.
 *
 * @returns null when it is not such a pickle or damaged. Never throws; yields to the event loop regularly.
 */
export async function readPickledTensors(pickle: Buffer): Promise<TensorShapes | null> {
  const machine = new PickleMachine(pickle);
  let begun = performance.now();
  try {
    for (let steps = 1; machine.step(); steps += 1) {
      if (steps % OPCODES_BETWEEN_LOOKS !== 0 || performance.now() - begun < SLICE_MS) continue;
      await setImmediate();
      begun = performance.now();
    }
  } catch (error) {
    if (error instanceof RangeError || error instanceof NotReadable) return null;
    throw error;
  }
  return machine.tensors;
}

class NotReadable extends Error {}

class PickleMachine {
  readonly tensors = new Map<string, readonly number[]>();
  readonly #bytes: Buffer;
  readonly #stack: Held[] = [];
  readonly #memo = new Map<number, Held>();
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Executes one opcode. @returns false after the last one */
  step(): boolean {
    const opcode = String.fromCharCode(this.#unsigned(1));
    if (opcode === '.') return false;
    const held = this.#follow(opcode);
    if (held !== null) this.#push(held);
    return true;
  }

  /** @returns the value to push onto the stack; null: nothing */
  #follow(opcode: string): Held | null {
    switch (opcode) {
      case '\x80': // PROTO
        this.#skip(1);
        return null;
      case '\x95': // FRAME
        this.#skip(8);
        return null;
      case '(':
        return MARK;
      case '0': // POP
        this.#pop();
        return null;
      case '1': // POP_MARK
        this.#popToMark();
        return null;
      case 'N':
      case '\x88': // NEWTRUE
      case '\x89': // NEWFALSE
      case '}':
      case ']':
      case '\x8f': // EMPTY_SET
        return OTHER;
      case 'K':
        return { kind: 'number', value: this.#unsigned(1) };
      case 'M':
        return { kind: 'number', value: this.#unsigned(2) };
      case 'J':
        return { kind: 'number', value: this.#bytes.readInt32LE(this.#take(4)) };
      case '\x8a': // LONG1
        return this.#long(this.#unsigned(1));
      case '\x8b': // LONG4
        return this.#long(this.#unsigned(4));
      case 'G': // BINFLOAT
        this.#skip(8);
        return OTHER;
      case 'X': // BINUNICODE
        return this.#text(this.#unsigned(4));
      case '\x8c': // SHORT_BINUNICODE
        return this.#text(this.#unsigned(1));
      case '\x8d': // BINUNICODE8
        return this.#text(this.#unsigned8());
      case 'U': // SHORT_BINSTRING
      case 'C': // SHORT_BINBYTES
        return this.#text(this.#unsigned(1));
      case 'T': // BINSTRING
      case 'B': // BINBYTES
        this.#skip(this.#unsigned(4));
        return OTHER;
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        this.#skip(this.#unsigned8());
        return OTHER;
      case ')':
        return { kind: 'tuple', items: [] };
      case 't':
        return { kind: 'tuple', items: this.#popToMark() };
      case '\x85': // TUPLE1
      case '\x86': // TUPLE2
      case '\x87': // TUPLE3
        return { kind: 'tuple', items: this.#popSome(opcode.charCodeAt(0) - 0x84) };
      case '\x91': // FROZENSET
        this.#popToMark();
        return OTHER;
      case 'a': // APPEND
        this.#pop();
        return null;
      case 'e': // APPENDS
      case '\x90': // ADDITEMS
        this.#popToMark();
        return null;
      case 's':
        this.#keep(this.#popSome(2));
        return null;
      case 'u':
        this.#keep(this.#popToMark());
        return null;
      case 'c': {
        this.#line();
        return { kind: 'function', name: this.#line() };
      }
      case '\x93': // STACK_GLOBAL
        return { kind: 'function', name: nameIn(this.#popSome(2)[1]) };
      case 'R': {
        const [callee, given] = this.#popSome(2);
        return result(callee, given);
      }
      case '\x81': // NEWOBJ
        this.#popSome(2);
        return OTHER;
      case '\x92': // NEWOBJ_EX
        this.#popSome(3);
        return OTHER;
      case 'b': // BUILD
        this.#pop();
        return null;
      case 'Q': // BINPERSID
        this.#pop();
        return OTHER;
      case 'q':
        this.#remember(this.#unsigned(1));
        return null;
      case 'r':
        this.#remember(this.#unsigned(4));
        return null;
      case '\x94': // MEMOIZE
        this.#remember(this.#memo.size);
        return null;
      case 'h':
        return this.#recall(this.#unsigned(1));
      case 'j':
        return this.#recall(this.#unsigned(4));
      default:
        throw new NotReadable();
    }
  }

  /** Records tensors from alternating keys and values that are put into a dict. */
  #keep(items: readonly Held[]): void {
    for (let at = 0; at + 1 < items.length; at += 2) {
      const [key, value] = [items[at], items[at + 1]];
      if (key?.kind === 'text' && value?.kind === 'tensor') this.tensors.set(key.value, value.shape);
    }
  }

  #push(held: Held): void {
    if (this.#stack.length >= MAX_HELD) throw new NotReadable();
    this.#stack.push(held);
  }

  #pop(): Held {
    const held = this.#stack.pop();
    if (!held) throw new NotReadable();
    return held;
  }

  #popSome(count: number): Held[] {
    return Array.from({ length: count }, () => this.#pop()).reverse();
  }

  #popToMark(): Held[] {
    const items: Held[] = [];
    for (let held = this.#pop(); held !== MARK; held = this.#pop()) items.push(held);
    return items.reverse();
  }

  #remember(place: number): void {
    if (this.#memo.size >= MAX_REMEMBERED) throw new NotReadable();
    const held = this.#stack.at(-1);
    if (!held) throw new NotReadable();
    this.#memo.set(place, held);
  }

  #recall(place: number): Held {
    const held = this.#memo.get(place);
    if (!held) throw new NotReadable();
    return held;
  }

  /** Consumes `count` bytes. @returns the offset of the first */
  #take(count: number): number {
    const from = this.#at;
    if (from + count > this.#bytes.length) throw new NotReadable();
    this.#at = from + count;
    return from;
  }

  #skip(count: number): void {
    this.#take(count);
  }

  #unsigned(bytes: 1 | 2 | 4): number {
    return this.#bytes.readUIntLE(this.#take(bytes), bytes);
  }

  #unsigned8(): number {
    return Number(this.#bytes.readBigUInt64LE(this.#take(8)));
  }

  #long(bytes: number): Held {
    const from = this.#take(bytes);
    return bytes === 0 || bytes > 6 ? OTHER : { kind: 'number', value: this.#bytes.readIntLE(from, bytes) };
  }

  #text(bytes: number): Held {
    const from = this.#take(bytes);
    if (bytes > MAX_NAME_BYTES) return OTHER;
    return { kind: 'text', value: this.#bytes.toString('utf8', from, from + bytes) };
  }

  #line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw new NotReadable();
    const from = this.#take(end + 1 - this.#at);
    return this.#bytes.toString('latin1', from, Math.min(end, from + MAX_NAME_BYTES));
  }
}

const nameIn = (held: Held | undefined) => (held?.kind === 'text' ? held.value : '');

function result(callee: Held | undefined, given: Held | undefined): Held {
  if (callee?.kind !== 'function' || given?.kind !== 'tuple') return OTHER;
  const [first, , size] = given.items;
  // A parameter wraps its tensor and a flag for its gradient.
  if (callee.name === '_rebuild_parameter' && first?.kind === 'tensor') return first;
  if (!tensorFunctions.includes(callee.name) || size?.kind !== 'tuple') return OTHER;
  const shape = size.items.slice(0, MAX_DIMENSIONS).map((each) => (each.kind === 'number' ? each.value : -1));
  return { kind: 'tensor', shape };
}
