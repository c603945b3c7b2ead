import type { Readable } from 'node:stream';
import { execa } from 'execa';
import {
  CancellationTokenSource,
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import { z } from 'zod';
import type { Log } from '../../log/log.ts';
import { ChildDied, ChildFailure, type ChildExit } from './childErrors.ts';
import { failureDataSchema, MAX_FRAME_BYTES } from '../../contract/protocol.ts';
import { boundOutput } from './boundedOutput.ts';
import { readLines } from './stderrLines.ts';

/** The highest of the JSON-RPC 2.0 error codes that come from the peer itself. */
const INVALID_REQUEST = -32600;

/** A killed process may be stuck in the kernel, waiting for a disk or driver; it counts as gone after this. */
const GONE_AFTER_KILL_MS = 2_000;

/** How to start a Python child: always as `python -m python_worker` in the project root. */
export interface ChildCommand {
  python: string;
  projectRoot: string;
  env: Readonly<Record<string, string>>;
}

/** Options of a request. */
export interface RequestOptions {
  /** Aborting asks the child to cancel; the call still waits for its response. */
  signal?: AbortSignal;
  /** The child is killed if it has not answered after this time. */
  timeoutMs?: number;
}

/** One running Python child and the JSON-RPC connection to it. */
export class ChildProcess {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  readonly #connection: MessageConnection;
  readonly #log: Log;
  #exit: ChildExit | undefined;
  #isClosed = false;
  #leaveBehind: ((exit: ChildExit) => void) | undefined;
  #leaving: NodeJS.Timeout | undefined;
  #tookTooLong = false;

  private constructor(pid: number, connection: MessageConnection, exited: Promise<ChildExit>, log: Log) {
    this.pid = pid;
    this.#connection = connection;
    this.#log = log;
    connection.onClose(() => (this.#isClosed = true));
    const leftBehind = new Promise<ChildExit>((resolve) => (this.#leaveBehind = resolve));
    this.exited = Promise.race([exited, leftBehind]).then((exit) => {
      this.#exit = exit;
      clearTimeout(this.#leaving);
      // vscode-jsonrpc settles pending requests only when it is disposed, never when its pipe closes.
      connection.dispose();
      return exit;
    });
  }

  /** Starts a child in its own session, so that a Ctrl-C in the terminal does not reach it first. */
  static start(command: ChildCommand, log: Log): ChildProcess {
    const subprocess = execa(command.python, ['-m', 'python_worker'], {
      cwd: command.projectRoot,
      env: childEnvironment(command.env),
      extendEnv: false,
      detached: true,
      buffer: false,
      reject: false,
      stripFinalNewline: false,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { pid } = subprocess;
    const exited = subprocess.then((result): ChildExit => {
      if (pid === undefined) {
        log.error({ err: result.cause, python: command.python }, 'a Python child could not be started');
      }
      return { exitCode: result.exitCode ?? null, signal: result.signal ?? null };
    });
    // Kill everything left in its session: otherwise stderr would stay open and the exit would not be seen.
    subprocess.once('exit', () => {
      if (pid !== undefined) sendSignal(-pid, 'SIGKILL');
    });
    // A write to a child that has just died fails here first; its exit is reported elsewhere.
    subprocess.stdin.on('error', () => undefined);
    const output = boundOutput({
      log: (line) => {
        log.debug({ pid, line }, 'Python child output');
      },
      leftOut: (what) => {
        log.warn({ pid, ...what }, 'a Python child printed too much: further output is dropped');
      },
    });
    readLines(subprocess.stderr, (line) => {
      output.take(line);
    });
    subprocess.stderr.once('end', () => {
      output.end();
    });
    const reader = new StreamMessageReader(subprocess.stdout);
    const connection = createMessageConnection(reader, new StreamMessageWriter(subprocess.stdin));
    const child = new ChildProcess(pid ?? -1, connection, exited, log);
    connection.onError(([error]) => {
      // After one malformed frame the channel cannot be trusted.
      log.error({ pid: child.pid, err: error }, 'the channel to a Python child broke');
      child.kill();
    });
    limitFrames(subprocess.stdout, reader, () => {
      log.error({ pid }, 'a Python child sent an endless frame');
      child.kill();
    });
    connection.listen();
    return child;
  }

  /**
   * Calls a method of the child.
   *
   * @throws {ChildFailure} when the child refuses
   * @throws {ChildDied} when it dies, or is killed for not answering in time
   */
  async request<Result extends z.ZodType>(
    method: string,
    params: object,
    result: Result,
    { signal, timeoutMs }: RequestOptions = {},
  ): Promise<z.output<Result>> {
    const cancellation = new CancellationTokenSource();
    const cancel = () => {
      // With the channel closed there is no request left to cancel.
      if (!this.#isClosed && this.#exit === undefined) cancellation.cancel();
    };
    signal?.addEventListener('abort', cancel, { once: true });
    const timer =
      timeoutMs === undefined ? undefined : setTimeout(() => this.#giveUp(method, timeoutMs), timeoutMs);
    try {
      // A token cancelled before the request is written would never reach the child.
      signal?.throwIfAborted();
      return result.parse(await this.#connection.sendRequest(method, params, cancellation.token));
    } catch (error) {
      throw await this.#explain(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      cancellation.dispose();
    }
  }

  /** Sends a notification to the child; does nothing if its channel is closed. */
  notify(method: string, params: object): void {
    if (this.#isClosed || this.#exit !== undefined) return;
    this.#connection.sendNotification(method, params).catch(() => undefined);
  }

  /** Calls `handler` for each notification of this method. The child is killed if one violates the schema. */
  onNotification<Params extends z.ZodType>(
    method: string,
    params: Params,
    handler: (params: z.output<Params>) => void,
  ): void {
    this.#connection.onNotification(method, (message: unknown) => {
      const parsed = params.safeParse(message);
      if (parsed.success) {
        handler(parsed.data);
        return;
      }
      this.#log.error(
        { pid: this.pid, method, problem: parsed.error.message },
        'a Python child broke the protocol',
      );
      this.kill();
    });
  }

  /** Asks the child to exit; it may exit before it answers. */
  async shutdown(): Promise<void> {
    await this.request('shutdown', {}, z.null()).catch(() => undefined);
  }

  /** Asks the child to dump the stacks of all threads to stderr, and so to the log, even if the GIL is held. */
  dump(): void {
    if (this.#exit === undefined && this.pid > 0) sendSignal(this.pid, 'SIGUSR1');
  }

  /** Kills the child and everything it started. A child that survives the kill is abandoned: `exited` resolves. */
  kill(): void {
    if (this.#exit !== undefined || this.pid <= 0) return;
    sendSignal(-this.pid, 'SIGKILL');
    this.#leaving ??= setTimeout(() => {
      this.#log.error({ pid: this.pid }, 'a Python child survived SIGKILL and is abandoned');
      this.#leaveBehind?.({ exitCode: null, signal: 'SIGKILL' });
    }, GONE_AFTER_KILL_MS);
  }

  #giveUp(method: string, timeoutMs: number): void {
    this.#log.error(
      { pid: this.pid, method, timeoutMs },
      'a Python child did not answer in time: killing it',
    );
    this.#tookTooLong = true;
    this.kill();
  }

  async #explain(error: unknown): Promise<unknown> {
    if (error instanceof ResponseError) {
      const data = failureDataSchema.safeParse(error.data);
      if (data.success) return new ChildFailure(data.data.kind, error.message, data.data.traceback);
      // JSON-RPC's own codes come from the child; with other codes the library itself reports a broken channel.
      if (error.code <= INVALID_REQUEST) return error;
    }
    if (error instanceof z.ZodError) {
      this.#log.error({ pid: this.pid, problem: error.message }, 'a Python child broke the protocol');
      this.kill();
    }
    if (error instanceof DOMException && error.name === 'AbortError') {
      return new ChildFailure('CANCELLED', 'The request was cancelled.', null);
    }
    const exit = this.#exit ?? (await this.#exitSoon());
    return exit === undefined ? error : new ChildDied(exit, error, { tookTooLong: this.#tookTooLong });
  }

  /** Waits briefly for the exit: the pipes of a dying child close a moment before its exit is known. */
  #exitSoon(): Promise<ChildExit | undefined> {
    const never = new Promise<undefined>((resolve) => setTimeout(resolve, 1000, undefined).unref());
    return Promise.race([this.exited, never]);
  }
}

function sendSignal(target: number, signal: 'SIGKILL' | 'SIGUSR1'): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    // ESRCH: already gone. EPERM: on macOS, the rest of its group is dead but not reaped.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

/** Enforces the maximum frame size: the reader itself buffers whatever length a header declares. */
function limitFrames(stdout: Readable, reader: StreamMessageReader, onTooLong: () => void): void {
  let bytesSinceMessage = 0;
  const listen = reader.listen.bind(reader);
  reader.listen = (callback) =>
    listen((message) => {
      bytesSinceMessage = 0;
      callback(message);
    });
  stdout.on('data', (chunk: Buffer) => {
    bytesSinceMessage += chunk.byteLength;
    if (bytesSinceMessage > MAX_FRAME_BYTES) onTooLong();
  });
}

function childEnvironment(env: Readonly<Record<string, string>>): Record<string, string> {
  const { TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD: _removed, ...rest } = env;
  return {
    ...rest,
    // MSST loads checkpoints with weights_only=False; this makes torch refuse code in them anyway.
    TORCH_FORCE_WEIGHTS_ONLY_LOAD: '1',
    PYTHONUNBUFFERED: '1',
    // MSST opens its YAML files in the locale's encoding.
    PYTHONUTF8: '1',
    // The interpreter may be the user's own: write nothing into it.
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
