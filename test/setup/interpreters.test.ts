import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  basePython,
  Clone,
  hashFolder,
  importIn,
  lastLine,
  makeFolder,
  makePython,
  makeWheels,
  putPackage,
  removeFolders,
  type Outcome,
} from './clone.ts';

// Every clone makes real virtual environments, some of them two.
const timeout = 120_000;

let wheels: string;
let bare: Clone;
let bareOutcome: Outcome;

beforeAll(async () => {
  wheels = makeWheels(
    'av==1.0:av',
    'torch==2.13.0:torch',
    'torch==3.0:torch',
    'numpy==1.5:numpy',
    'numpy==2.0:numpy',
    'librosa==0.11:librosa:numpy>=1.2',
    'msst==0.1.0:msst:torch<2.12',
    'wandb==0.19:wandb',
    'demucs==4.1:demucs',
    'torchaudio==2.11.1:torchaudio',
    'extra-part==1.0:extra_part:torch>=2',
    'newer-torch==1.0:newer_torch:torch>=3',
    'broken==1.0:broken',
  );
  bare = new Clone({ wheels });
  bareOutcome = await bare.run({ python: [makePython().bin] });
}, timeout);

afterAll(removeFolders);

/** A clone whose media environment is ready, so that a test is about the engine alone. */
function makeClone({ links = wheels } = {}): Clone {
  const clone = new Clone({ wheels: links });
  clone.shareMedia(bare);
  return clone;
}

function enginePython(clone: Clone): string {
  return path.join(clone.root, '.venv-engine', 'bin', 'python');
}

describe('a bare Python', () => {
  test('gets torch of the exact version, what MSST needs, and MSST although it declares an older torch', () => {
    expect(bareOutcome.code, bareOutcome.output).toBe(0);
    expect(bareOutcome.server?.engine).toBe(enginePython(bare));
    expect(bareOutcome.server?.needs).toContain('"architectures":["scnet"]');
    expect(importIn(enginePython(bare), 'torch').version).toBe('2.13.0');
    expect(importIn(enginePython(bare), 'numpy').version).toBe('2.0');
    expect(importIn(enginePython(bare), 'msst').version).toBe('0.1.0');
  });

  test('gives the media child an environment that has av and no torch', () => {
    const media = path.join(bare.root, '.venv', 'bin', 'python');
    expect(bareOutcome.server?.media).toBe(media);
    expect(importIn(media, 'av').version).toBe('1.0');
    expect(() => importIn(media, 'torch')).toThrow();
  });
});

describe('an active venv with torch', () => {
  test(
    'keeps every file, and its torch and numpy are what the engine imports',
    async () => {
      const active = makePython(['torch==1.9.9', 'numpy==1.5']);
      const before = hashFolder(active.prefix);
      const clone = makeClone();
      const outcome = await clone.run({ python: [active.bin], env: { VIRTUAL_ENV: active.prefix } });

      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.server?.engine).toBe(enginePython(clone));
      expect(importIn(enginePython(clone), 'torch')).toEqual({
        version: '1.9.9',
        file: path.join(active.sitePackages, 'torch', '__init__.py'),
      });
      expect(importIn(enginePython(clone), 'numpy').version).toBe('1.5');
      expect(importIn(enginePython(clone), 'librosa').file).toContain('.venv-engine');
      expect(importIn(enginePython(clone), 'msst').file).toContain('.venv-engine');
      expect(hashFolder(active.prefix)).toBe(before);
    },
    timeout,
  );

  test(
    'is never given another version of what it has: a conflict is a sentence and exit code 1',
    async () => {
      const active = makePython(['torch==1.9.9', 'numpy==1.5']);
      const links = makeWheels('numpy==2.0:numpy', 'librosa==0.12:librosa:numpy>=2');
      const clone = makeClone({ links });
      const outcome = await clone.run({ python: [active.bin], env: { VIRTUAL_ENV: active.prefix } });

      expect(outcome.code).toBe(1);
      expect(lastLine(outcome)).toContain('installed ones are never replaced');
      expect(importIn(path.join(active.bin, 'python'), 'numpy').version).toBe('1.5');
    },
    timeout,
  );

  test(
    'is asked again after a package was installed there, without the environment being made anew',
    async () => {
      const active = makePython(['torch==1.9.9', 'numpy==1.5']);
      const clone = makeClone();
      const options = { python: [active.bin], env: { VIRTUAL_ENV: active.prefix } };
      await clone.run(options);
      const before = hashFolder(path.join(clone.root, '.venv-engine'));
      putPackage(active.sitePackages, 'scipy==1.0');
      const outcome = await clone.run(options);

      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.output).toContain('preparing the Python that runs MSST');
      expect(hashFolder(path.join(clone.root, '.venv-engine'))).toBe(before);
    },
    timeout,
  );
});

describe('an active conda', () => {
  test(
    'with torch and MSST is used as it is: nothing is installed, no file changes',
    async () => {
      const conda = makePython(['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0']);
      const before = hashFolder(conda.prefix);
      const clone = makeClone();
      const outcome = await clone.run({ python: [makePython().bin], env: { CONDA_PREFIX: conda.prefix } });

      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.server?.engine).toBe(path.join(conda.bin, 'python'));
      expect(clone.has('.venv-engine')).toBe(false);
      expect(hashFolder(conda.prefix)).toBe(before);
    },
    timeout,
  );

  test(
    'is passed over for a venv that was activated inside it and runs MSST as well',
    async () => {
      const everything = ['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0'];
      const conda = makePython(everything);
      const venv = makePython(everything);
      const clone = makeClone();
      const outcome = await clone.run({
        python: [venv.bin, conda.bin],
        env: { CONDA_PREFIX: conda.prefix, VIRTUAL_ENV: venv.prefix },
      });

      expect(outcome.server?.engine).toBe(path.join(venv.bin, 'python'));
    },
    timeout,
  );
});

describe('a Python that is no venv', () => {
  test(
    'with torch in its user folder is built upon with its packages visible',
    async () => {
      const userBase = makeFolder();
      const userSite = execFileSync(basePython, ['-m', 'site', '--user-site'], {
        encoding: 'utf8',
        env: { PYTHONUSERBASE: userBase },
      }).trim();
      putPackage(userSite, 'torch==1.9.9');
      const before = hashFolder(userBase);
      const clone = makeClone();
      delete clone.env['PYTHONNOUSERSITE'];
      const outcome = await clone.run({
        python: [path.dirname(basePython)],
        env: { PYTHONUSERBASE: userBase },
      });

      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.server?.engine).toBe(enginePython(clone));
      expect(clone.read('.venv-engine/pyvenv.cfg')).toContain('include-system-site-packages = true');
      expect(clone.packagesOf('.venv-engine')).not.toContain('torch');
      expect(clone.packagesOf('.venv-engine')).toContain('msst');
      expect(hashFolder(userBase)).toBe(before);
    },
    timeout,
  );
});

describe('"python" in the configuration', () => {
  test(
    'that runs MSST is used as it is, before any active one',
    async () => {
      const own = makePython(['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0']);
      const before = hashFolder(own.prefix);
      const clone = makeClone();
      const python = path.join(own.bin, 'python');
      const outcome = await clone.run({ python: [makePython().bin], env: { TEST_PYTHON_KEY: python } });

      expect(outcome.server?.engine).toBe(python);
      expect(clone.has('.venv-engine')).toBe(false);
      expect(hashFolder(own.prefix)).toBe(before);
    },
    timeout,
  );

  test(
    'that lacks a module is never built upon: a sentence names both, exit code 1',
    async () => {
      const own = makePython(['torch==2.5']);
      const clone = makeClone();
      const python = path.join(own.bin, 'python');
      const outcome = await clone.run({ python: [makePython().bin], env: { TEST_PYTHON_KEY: python } });

      expect(outcome.code).toBe(1);
      expect(lastLine(outcome)).toContain(python);
      expect(lastLine(outcome)).toContain('the module "librosa" is missing there');
      expect(clone.has('.venv-engine')).toBe(false);
    },
    timeout,
  );

  test('that is not there is a sentence and exit code 1', async () => {
    const clone = makeClone();
    const outcome = await clone.run({
      python: [makePython().bin],
      env: { TEST_PYTHON_KEY: '/nowhere/bin/python' },
    });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toContain('(/nowhere/bin/python) is not a file');
  });
});

test(
  'a foreign package on PYTHONPATH that breaks the environment is told with the variable to unset',
  async () => {
    const foreign = makeFolder();
    const clone = makeClone();
    clone.write('numpy/__init__.py', 'raise RuntimeError("for another Python")');
    renameSync(path.join(clone.root, 'numpy'), path.join(foreign, 'numpy'));
    const outcome = await clone.run({ python: [makePython().bin], env: { PYTHONPATH: foreign } });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toContain('for another Python');
    expect(lastLine(outcome)).toContain(`PYTHONPATH (${foreign}), which may be the reason`);
    expect(lastLine(outcome)).toContain('try env -u PYTHONPATH npm start.');
  },
  timeout,
);

describe('"msst_root" in the configuration', () => {
  test(
    'at a checkout that imports a known further module gets it into .venv-engine, and no msst package',
    async () => {
      const clone = makeClone();
      clone.write('checkout/inference.py', 'import librosa, wandb\n');
      const outcome = await clone.run({
        python: [makePython().bin],
        env: { TEST_MSST_ROOT: path.join(clone.root, 'checkout') },
      });

      expect(outcome.code, outcome.output).toBe(0);
      expect(clone.packagesOf('.venv-engine')).toContain('wandb');
      expect(clone.packagesOf('.venv-engine')).not.toContain('msst');
    },
    timeout,
  );

  test(
    'at a checkout that imports an unknown module is a sentence that names it, exit code 1',
    async () => {
      const clone = makeClone();
      clone.write('checkout/inference.py', 'import librosa, nonesuch\n');
      const outcome = await clone.run({
        python: [makePython().bin],
        env: { TEST_MSST_ROOT: path.join(clone.root, 'checkout') },
      });

      expect(outcome.code).toBe(1);
      expect(lastLine(outcome)).toContain('needs the Python module "nonesuch"');
      expect(lastLine(outcome)).toContain(enginePython(clone));
    },
    timeout,
  );
});

test(
  '"msst_root" below what is a file is a sentence',
  async () => {
    const clone = makeClone();
    clone.write('checkout/inference.py', '');
    const outcome = await clone.run({
      python: [makePython().bin],
      env: { TEST_MSST_ROOT: path.join(clone.root, 'checkout/inference.py') },
    });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(/^set-up: The MSST in .*\/inference\.py cannot be served: /);
  },
  timeout,
);

test(
  'a configuration that cannot be read is told by the server at once, and no Python is looked for',
  async () => {
    const clone = makeClone();
    const outcome = await clone.run({ python: [makePython().bin], env: { TEST_CONFIG: 'wrong' } });
    expect(outcome.server).not.toBeNull();
    expect(outcome.output).not.toContain('preparing the Python');
    expect(clone.has('.venv-engine')).toBe(false);
  },
  timeout,
);

describe('what single models need', () => {
  test('is in the environment by default where it is small', () => {
    expect(bareOutcome.code, bareOutcome.output).toBe(0);
    expect(bare.packagesOf('.venv-engine')).toContain('demucs');
  });

  test('torchaudio loses its libraries where they do not load beside the torch there, and works without', () => {
    expect(importIn(enginePython(bare), 'torchaudio').version).toBe('2.11.1');
    expect(bareOutcome.output).not.toContain('torchaudio does not fit');
  });

  test(
    'torchaudio goes again where it does not load without its libraries either, and that is told',
    async () => {
      const clone = makeClone();
      clone.write('setup/engine-requirements.txt', 'torch==3.0  # import torch\nnumpy  # import numpy\n');
      clone.write('setup/msst-requirements.txt', '');
      clone.write('inference.py', '');
      const outcome = await clone.run({ python: [makePython().bin] });
      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.output).toContain(
        'torchaudio does not match the installed torch: models that need it are unavailable',
      );
      expect(clone.packagesOf('.venv-engine')).not.toContain('torchaudio');
      expect(clone.packagesOf('.venv-engine')).toContain('demucs');
    },
    timeout,
  );

  test(
    'and cannot be had keeps nobody from starting, nor others from being installed',
    async () => {
      const links = makeWheels(
        'torchaudio==2.11.1:torchaudio',
        'torch==2.13.0:torch',
        'numpy==2.0:numpy',
        'librosa==0.11:librosa',
        'msst==0.1.0:msst',
      );
      const outcome = await makeClone({ links }).run({ python: [makePython().bin] });
      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.output).toContain(
        'demucs==4.1 could not be installed: models that need it are unavailable',
      );
      expect(outcome.output).not.toContain('torchaudio==2.11.1 could not be installed');
    },
    timeout,
  );
});

describe('engine_extras in the configuration', () => {
  test(
    'engine_extras are put into the environment beside the torch that is there',
    async () => {
      const clone = makeClone();
      const options = { python: [makePython().bin], env: { TEST_ENGINE_EXTRAS: 'extra_part' } };
      const outcome = await clone.run(options);
      expect(outcome.code, outcome.output).toBe(0);
      expect(clone.packagesOf('.venv-engine')).toContain('extra_part');
      expect(importIn(enginePython(clone), 'torch').version).toBe('2.13.0');

      const again = await clone.run(options);
      expect(again.output).not.toContain('preparing the Python');
      const without = await clone.run({ python: options.python });
      expect(without.output).toContain('preparing the Python');
    },
    timeout,
  );

  test.each([
    ['that need another torch', 'newer-torch'],
    ['that are not there', 'nonesuch'],
  ])(
    '%s are a sentence that says what to do',
    async (_, extra) => {
      const clone = makeClone();
      const outcome = await clone.run({
        python: [makePython().bin],
        env: { TEST_ENGINE_EXTRAS: extra },
      });
      expect(outcome.code).toBe(1);
      expect(lastLine(outcome)).toContain('engine_extras could not be installed into');
      expect(lastLine(outcome)).toContain('Correct or remove it in engine_extras of the configuration');
      expect(lastLine(outcome)).not.toMatch(/Set "python"|another Python|deactivate/);
      expect(lastLine(outcome).match(/run the same command again/g)).toHaveLength(1);
      expect(importIn(enginePython(clone), 'torch').version).toBe('2.13.0');
    },
    timeout,
  );

  test(
    'that cannot be imported once they are installed are named with the error',
    async () => {
      const outcome = await makeClone().run({
        python: [makePython().bin],
        env: { TEST_ENGINE_EXTRAS: 'broken==1.0' },
      });
      expect(outcome.code).toBe(1);
      expect(lastLine(outcome)).toContain('OSError: libof.so: cannot open shared object file');
      expect(lastLine(outcome)).toContain('Choose another version or remove it');
    },
    timeout,
  );

  test(
    'are told how to install where the interpreter is the user’s own, and change nothing there',
    async () => {
      const conda = makePython(['torch==2.5', 'numpy==2.1', 'librosa==0.10', 'msst==0.1.0']);
      const before = hashFolder(conda.prefix);
      const outcome = await makeClone().run({
        python: [makePython().bin],
        env: { CONDA_PREFIX: conda.prefix, TEST_ENGINE_EXTRAS: 'extra-part' },
      });
      expect(outcome.code, outcome.output).toBe(0);
      expect(outcome.output).toContain('python -m pip install extra-part');
      expect(hashFolder(conda.prefix)).toBe(before);
    },
    timeout,
  );
});

describe('without a usable Python', () => {
  test('none at all is a sentence with the mend, before npm is asked for anything', async () => {
    const clone = new Clone({ wheels });
    const outcome = await clone.run();
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(
      /No Python 3\.10 or newer was found .* apt install python3 python3-venv/,
    );
    expect(clone.runs).toEqual([]);
  });

  test('too old a one is named with its version', async () => {
    const clone = new Clone({ wheels });
    clone.command('python3', 'console.log("Python 3.8.18");');
    const outcome = await clone.run();
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toContain('needs Python 3.10 or newer; the ones found are older: 3.8.18');
    expect(clone.runs).toEqual([]);
  });

  test('one that PYTHONHOME keeps from running is not called too old, and the mend names the variable', async () => {
    const clone = new Clone({ wheels });
    const outcome = await clone.run({ python: [path.dirname(basePython)], env: { PYTHONHOME: '/nowhere' } });
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(
      /the ones found cannot run a program: 3\.\d+\.\d+ .* PYTHONHOME \(\/nowhere\), .* env -u PYTHONHOME npm start\./,
    );
    expect(lastLine(outcome)).not.toContain('older');
  });

  test('one that cannot make environments is told with the package to install', async () => {
    const clone = new Clone({ wheels });
    const description = {
      executable: '/usr/bin/python3',
      version: [3, 11, 2],
      prefix: '/',
      can_make_venv: false,
    };
    clone.command('python3', `console.log(${JSON.stringify(JSON.stringify(description))});`);
    const outcome = await clone.run();
    expect(outcome.code).toBe(1);
    expect(lastLine(outcome)).toMatch(/Python 3\.11\.2 .* apt install python3\.11-venv/);
  });
});
