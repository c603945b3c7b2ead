import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const file = process.env.STAND_IN_PLAN;

/** The device that this worker is bound to. */
const device = process.env.CUDA_VISIBLE_DEVICES || 'cpu';

/** What of its environment says which device is its own, and what no worker may do. */
export function deviceEnvironment() {
  const names = /^(CUDA_|HIP_|TORCH_|PYTHON)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)));
}

/** Takes the next word of the plan; the file is shared with the workers that come after this one. */
export function nextStep() {
  // Several workers at once would read the plan while another writes it.
  if (existsSync(`${file}.told`)) return 'told';
  return takeStep((steps) => (steps.length > 0 ? 0 : -1));
}

/** Takes the next word of the plan for a `load`. */
export function nextLoadStep() {
  return takeStep((steps) => steps.findIndex((step) => step.startsWith('load:'))).replace(/^load:/, '');
}

function takeStep(placeIn) {
  if (!file) return 'ok';
  const steps = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const at = placeIn(steps);
  if (at < 0) return 'ok';
  const [step] = steps.splice(at, 1);
  writeFileSync(file, steps.join('\n'));
  return step;
}

/** Notes in the diary what this worker does. */
export function note(event, facts = {}) {
  if (!file) return;
  const entry = { event, pid: process.pid, device, ms: Number(process.hrtime.bigint()) / 1e6, ...facts };
  appendFileSync(`${file}.diary`, `${JSON.stringify(entry)}\n`);
}

/** Whether a worker of this device ends at its start. */
export function isBroken() {
  return beside('broken').split('\n').includes(device);
}

/** Whether the device fails its worker in every task, for good. */
export function isFailing() {
  return beside('failing').split('\n').includes(device);
}

/** The memory of its GPU, as the test says; null for none. */
export function deviceMemory() {
  const text = beside('memory');
  return text === '' ? null : JSON.parse(text);
}

/** Waits as long as the test holds this stage, or until the call is cancelled. */
export async function whileHeld(stage, token) {
  while (beside('hold') === stage && !token.isCancellationRequested) await sleep(10);
}

/** Waits until the file is there, or the call is cancelled. */
export async function untilThere(path, token) {
  while (!existsSync(path) && !token?.isCancellationRequested) await sleep(10);
}

/** The lines of a file that a test writes, parsed, each as soon as it is there; until the call is cancelled. */
export async function* linesAsTheyCome(path, token) {
  for (let seen = 0; !token.isCancellationRequested; await sleep(5)) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const lines = text.split('\n').slice(0, -1);
    for (; seen < lines.length; seen += 1) yield JSON.parse(lines[seen]);
  }
}

/** The path of a file beside the plan. */
export const ownFile = (name) => `${file}.${name}`;

/** What stands in a file beside the plan; empty where there is none. */
function beside(name) {
  try {
    return readFileSync(`${file}.${name}`, 'utf8').trim();
  } catch {
    // To look first would not do: the test may remove it between the look and the reading.
    return '';
  }
}
