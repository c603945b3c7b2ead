// Echoes every message through the reader and the writer of vscode-jsonrpc: the other end of our channel.
import { StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';

const reader = new StreamMessageReader(process.stdin);
const writer = new StreamMessageWriter(process.stdout);
reader.onError((error) => {
  console.error(error);
  process.exit(1);
});
reader.listen((message) => void writer.write(message));
