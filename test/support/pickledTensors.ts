import { makeZip } from '../unit/models/modelFolder.ts';

/** A pickle as `torch.save` writes it of tensors of these shapes by these names. */
export function makePickle(tensors: Readonly<Record<string, readonly number[]>>): Buffer {
  const storage = [
    tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(1)),
    'Q',
  ];
  const entries = Object.entries(tensors).map(([name, shape]) => [
    text(name),
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(storage, int(0), tuple(...shape.map(int)), tuple(...shape.map(int)), '\x89', [
      global('collections', 'OrderedDict'),
      ')',
      'R',
    ]),
    'R',
  ]);
  return bytesOf(['\x80\x02', global('collections', 'OrderedDict'), ')', 'R', '(', entries, 'u', '.']);
}

/** A checkpoint as `torch.save` writes it, of tensors of these shapes by these names. */
export const makeTorchCheckpoint = (tensors: Readonly<Record<string, readonly number[]>>): Buffer =>
  makeZip(['archive/data.pkl'], makePickle(tensors));

type Piece = string | Buffer | readonly Piece[];

const bytesOf = (piece: Piece): Buffer => {
  if (typeof piece === 'string') return Buffer.from(piece, 'latin1');
  return Buffer.isBuffer(piece) ? piece : Buffer.concat(piece.map(bytesOf));
};

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const int = (value: number): Piece => ['J', word(value)];
const text = (value: string): Piece => ['X', word(Buffer.byteLength(value)), Buffer.from(value)];
const global = (module: string, name: string): Piece => `c${module}\n${name}\n`;
const tuple = (...items: Piece[]): Piece => ['(', items, 't'];
