/**
 * TensorFlow.js as everything here uses it: the core with its gradients and the backend in plain JavaScript. The package
 * `@tensorflow/tfjs` has the same and, in 220 MB more, builds for browsers, loaders and layers that nothing here runs.
 * `npm run build` (scripts/bundle.mjs) writes the module that loads the core quickly, and bundles the gradients, which the
 * core's build for Node leaves out and whose modules Node cannot load as they are. They register with the engine that
 * every copy of the core shares: that of the copy that is loaded first, which must be the whole one.
 */
import { createRequire } from 'node:module';
import '#tensorflow';
import '#tensorflow-gradients';

const require = createRequire(import.meta.url);
require('@tensorflow/tfjs-backend-cpu'); // a third of the time of `import`

export * from '#tensorflow';
