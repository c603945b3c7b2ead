import path from 'node:path';
import { expect, test } from 'vitest';

interface Module {
  installCommand(
    need: 'compiler' | 'python',
    machine: { platform: string; osRelease: string | null },
  ): string;
}

const file = path.resolve(import.meta.dirname, '..', '..', 'setup', 'installCommand.mjs');
const { installCommand } = (await import(file)) as Module;

test.each([
  ['ID=debian', 'sudo apt install build-essential'],
  ['NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"', 'sudo apt install build-essential'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'sudo dnf install gcc-c++ make'],
  ['ID=alpine', 'apk add build-base'],
  ['ID=manjaro\nID_LIKE=arch', 'sudo pacman -S base-devel'],
  ['ID="opensuse-leap"\nID_LIKE="suse opensuse"', 'sudo zypper install gcc-c++ make'],
  ['ID=plan9', 'Debian and Ubuntu: apt install build-essential; macOS: xcode-select --install'],
  [null, 'Debian and Ubuntu: apt install build-essential; macOS: xcode-select --install'],
])('on %j a compiler comes by: %s', (osRelease, command) => {
  expect(installCommand('compiler', { platform: 'linux', osRelease })).toBe(command);
});

test('on macOS a compiler comes with the command line tools', () => {
  expect(installCommand('compiler', { platform: 'darwin', osRelease: null })).toBe('xcode-select --install');
});
