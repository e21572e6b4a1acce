/**
 * Packages that a few commands need and that most people do not: optional peers in package.json, so that a plain install
 * leaves them out. A command that needs one which is not there says what to install.
 */
import { createRequire } from 'node:module';
import { L2cafError, messageOf } from './errors.ts';

const require = createRequire(import.meta.url);

/** What `index`, `search` and `project` keep events in. */
export const SEARCH_PACKAGES = ['@lancedb/lancedb', 'apache-arrow'] as const;
/** What gives events to other machines (`batch --queue`, `worker`). */
export const QUEUE_PACKAGES = ['bullmq', 'ioredis'] as const;
/** What computes networks that are ONNX files. */
export const ONNX_PACKAGES = ['onnxruntime-node'] as const;
/** What `--backend webgpu` is made of. */
export const WEBGPU_PACKAGES = ['webgpu', '@tensorflow/tfjs-backend-webgpu'] as const;
/** What Keras files are read with. */
export const KERAS_PACKAGES = ['h5wasm'] as const;

/** The command that installs optional packages, in the oldest versions that will do. */
export function installCommand(packages: readonly string[]): string {
  const { peerDependencies } = require('../../package.json') as { peerDependencies: Record<string, string> };
  const named = packages.map((name) => `${name}@${peerDependencies[name]!.replace(/^[\^~]/, '')}`);
  // Its script would fetch what only a GPU of one maker needs.
  const scripts = packages.includes('onnxruntime-node') ? ' --ignore-scripts' : '';
  return `npm install ${named.join(' ')}${scripts}`;
}

/** Those of the packages that are not installed where this program can find them. */
export function missingPackages(packages: readonly string[]): readonly string[] {
  return packages.filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch (error) {
      // Any other refusal, such as that of a package which can only be imported, comes from a package that is there.
      return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
    }
  });
}

/**
 * Loads what optional packages offer.
 *
 * @param purpose what needs them, for the message
 * @param packages all that are needed, so that the hint names them together
 * @throws L2cafError `package-missing` when one is not installed, or is of no use on this machine
 */
export async function fromOptional<T>(
  purpose: string,
  packages: readonly string[],
  load: () => Promise<T>,
): Promise<T> {
  const missing = missingPackages(packages);
  if (missing.length > 0) {
    const packagesMissing = missing.length > 1 ? 'packages that are not installed' : 'a package that is not installed';
    throw new L2cafError('package-missing', `${purpose} needs ${packagesMissing}: ${missing.join(', ')}`, {
      hint: `${installCommand(packages)}   (with -g if l2caf was installed so)`,
    });
  }
  try {
    return await load();
  } catch (cause) {
    throw new L2cafError('package-missing', `${packages.join(' or ')} cannot be loaded: ${messageOf(cause)}`, {
      hint: `is there a build for ${process.platform} ${process.arch}? Install it again: ${installCommand(packages)}`,
      cause,
    });
  }
}
