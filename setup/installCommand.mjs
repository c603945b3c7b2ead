import { readText } from './stamp.mjs';

/** @typedef {'compiler' | 'python'} Need */

/** `ids` lists the distributions that use the package manager, as in ID and ID_LIKE of os-release(5). */
/** @type {{ ids: string[], compiler: string, python: string }[]} */
const distributions = [
  {
    ids: ['debian', 'ubuntu'],
    compiler: 'sudo apt install build-essential',
    python: 'sudo apt install python3 python3-venv',
  },
  {
    ids: ['fedora', 'rhel', 'centos', 'amzn'],
    compiler: 'sudo dnf install gcc-c++ make',
    python: 'sudo dnf install python3',
  },
  { ids: ['alpine'], compiler: 'apk add build-base', python: 'apk add python3' },
  { ids: ['arch'], compiler: 'sudo pacman -S base-devel', python: 'sudo pacman -S python' },
  {
    ids: ['suse', 'opensuse'],
    compiler: 'sudo zypper install gcc-c++ make',
    python: 'sudo zypper install python3',
  },
];
const macos = { compiler: 'xcode-select --install', python: 'brew install python' };

/**
 * Returns the command that installs a requirement on this machine; on an unknown system, the commands for Debian
 * and macOS.
 *
 * @param {Need} need
 * @param {{ platform?: NodeJS.Platform, osRelease?: string | null }} [machine] given only in tests; default: this
 *   machine
 */
export function installCommand(need, machine = {}) {
  const { platform = process.platform, osRelease = readText('/etc/os-release') } = machine;
  if (platform === 'darwin') return macos[need];
  const named = [...(osRelease ?? '').matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap(([, ids]) =>
    (ids ?? '').split(' '),
  );
  const known = distributions.find(({ ids }) => ids.some((id) => named.includes(id)));
  return known
    ? known[need]
    : `Debian and Ubuntu: ${distributions[0]?.[need].replace('sudo ', '')}; macOS: ${macos[need]}`;
}
