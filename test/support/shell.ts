import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';

/** A bash that takes one command after the other and keeps its variables, as the terminal of a reader. */
export class Shell {
  readonly #bash;
  #printed = '';
  #onPrinted: () => void = () => undefined;

  constructor(options: { cwd: string; env: NodeJS.ProcessEnv }) {
    this.#bash = spawn('bash', ['--noprofile', '--norc'], { ...options, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#bash.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#printed += text;
      this.#onPrinted();
    });
    this.#bash.once('exit', () => {
      this.#onPrinted();
    });
  }

  /**
   * Runs a command to its end.
   *
   * @returns what it printed on stdout
   * @throws {Error} when it fails, or bash itself ends
   */
  async run(command: string): Promise<string> {
    const mark = `end-${randomUUID()}`;
    const ending = new RegExp(`([^]*)\\n${mark} (\\d+)\\n`);
    this.#printed = '';
    const ended = new Promise<RegExpExecArray>((resolve, reject) => {
      this.#onPrinted = () => {
        const match = ending.exec(this.#printed);
        if (match) resolve(match);
        else if (this.#bash.exitCode !== null) reject(new Error(`bash ended during: ${command}`));
      };
    });
    this.#bash.stdin.write(`${command}\nprintf '\\n%s %d\\n' ${mark} $?\n`);
    const [, output = '', code] = await ended;
    if (code !== '0') throw new Error(`ended with ${String(code)}: ${command}\n${output}`);
    return output;
  }

  /** Ends it. */
  close(): void {
    this.#bash.stdin.end();
  }
}
