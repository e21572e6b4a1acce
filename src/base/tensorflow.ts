/**
 * TensorFlow.js as everything here uses it: the core with its gradients and the backend in plain JavaScript. The package
 * `@tensorflow/tfjs` has the same and, in 220 MB more, builds for browsers, loaders and layers that nothing here runs.
 * The core's build for Node leaves the gradients out and its modules cannot be loaded by Node as they are, so
 * `npm run build` bundles them (scripts/bundle.mjs). They register with the engine that every copy of the core shares:
 * that of the copy that is loaded first, which must be the whole one.
 */
import '@tensorflow/tfjs-core';
import '#tensorflow-gradients';
import '@tensorflow/tfjs-backend-cpu';

export * from '@tensorflow/tfjs-core';
