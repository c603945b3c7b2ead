/** One block of code in a Markdown text. */
export interface Example {
  /** The line it begins at, from 1. */
  line: number;
  /** The heading it stands under. */
  section: string;
  /** What follows the fence; `indented` for a block without one. */
  language: string;
  lines: string[];
}

/** Every block of code of a Markdown text, fenced or indented by four blanks. */
export function examplesOf(markdown: string): Example[] {
  const examples: Example[] = [];
  let section = '';
  let open: Example | undefined;
  let isAfterBlank = true;
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(\w*)$/.exec(line);
    const begin = (language: string, lines: string[]) => {
      open = { line: index + 1, section, language, lines };
      examples.push(open);
    };
    if (open?.language === 'indented' && !/^( {4}|\s*$)/.test(line)) open = undefined;
    if (open && open.language !== 'indented') {
      if (fence) open = undefined;
      else open.lines.push(line);
    } else if (fence) {
      begin(fence[1] ?? '', []);
    } else if (open) {
      open.lines.push(line.slice(4));
    } else if (isAfterBlank && line.startsWith('    ')) {
      begin('indented', [line.slice(4)]);
    } else if (line.startsWith('#')) {
      section = line.replace(/^#+ /, '');
    }
    isAfterBlank = line.trim() === '';
  }
  return examples;
}

/** A command of a console session and what it is shown to print. */
export interface ShownCommand {
  line: number;
  command: string;
  output: string;
}

/** @throws {Error} when a session begins with anything but a command */
export function commandsOf({ line, lines }: Example): ShownCommand[] {
  const commands: ShownCommand[] = [];
  for (const [index, text] of lines.entries()) {
    const last = commands.at(-1);
    if (text.startsWith('$ ')) {
      commands.push({ line: line + 1 + index, command: text.slice(2), output: '' });
    } else if (last === undefined) {
      throw new Error(`line ${String(line + 1 + index)}: a session begins with "$ ", a command`);
    } else if (last.command.endsWith('\\')) {
      last.command += `\n${text}`;
    } else {
      last.output += `${text}\n`;
    }
  }
  return commands.map((command) => ({ ...command, output: command.output.trim() }));
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The ids in a text, in their order. */
export function idsOf(text: string): string[] {
  return text.match(UUID) ?? [];
}

/** A text without what differs from run to run: ids, times, hashes and figures. Words and layout stay. */
export function shapeOf(text: string): string {
  return text
    .replace(UUID, '‹id›')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '‹time›')
    .replace(/\b[0-9a-f]{64}\b/g, '‹sha256›')
    .replace(/(?<![\w.])-?\d+(\.\d+)?(e[+-]?\d+)?(?!\w)/g, '‹n›')
    .replaceAll('\r', '')
    .trim();
}
