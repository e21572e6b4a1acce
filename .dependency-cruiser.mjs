/**
 * Who may know whom: for every room, the only others that it may import. There are no circles, of files or of rooms.
 * `npm run check` holds it; docs/architecture.md draws it.
 */

/** Each room, and the rooms that it may import besides itself. */
const ROOMS = {
  base: [],
  l2caf: ['base'],
  models: ['base', 'l2caf/tail.ts', 'l2caf/tensor-tail.ts', 'l2caf/measured.ts'],
  'video/drawing': ['base'],
  'video/media': ['base', 'video/drawing'],
  events: ['base', 'video'],
  features: ['base', 'models', 'events', 'video/media'],
  objects: ['base', 'video/media'],
  analysis: ['base', 'l2caf', 'models', 'video', 'objects'],
  rendering: ['base', 'l2caf', 'analysis', 'video'],
  exports: ['base', 'analysis', 'rendering', 'video'],
  'report/page': ['base', 'analysis', 'report/page-data.ts', 'video/drawing'],
  report: ['base', 'analysis', 'rendering', 'video'],
  stills: ['base', 'l2caf', 'models', 'objects', 'analysis', 'video'],
  batch: [
    ...['base', 'l2caf/choices.ts', 'models', 'features', 'events', 'objects'],
    ...['analysis', 'rendering', 'report', 'video'],
  ],
  retrieval: ['base', 'l2caf', 'models', 'features', 'events', 'analysis', 'batch/results.ts', 'video'],
  training: ['base', 'models', 'features', 'events', 'retrieval/evaluate.ts', 'video/drawing'],
  evaluation: [
    ...['base', 'l2caf', 'models', 'features', 'events', 'analysis', 'stills', 'video'],
    ...['retrieval/metrics.ts', 'retrieval/vector.ts'],
  ],
};

const inside = (room) => `^src/${room}(/|$)`;

const rooms = Object.entries(ROOMS).map(([room, others]) => ({
  name: `${room} may know ${others.join(', ') || 'nobody'}`,
  severity: 'error',
  from: { path: inside(room), ...(room === 'report' && { pathNot: inside('report/page') }) },
  to: { path: '^src/', pathNot: [inside(room), ...others.map(inside)] },
}));

export default {
  forbidden: [
    ...rooms,
    {
      name: 'a room of its own for every folder',
      severity: 'error',
      from: {
        path: '^src/[^/]+/',
        pathNot: [...Object.keys(ROOMS).map(inside), inside('cli'), '^src/video/index\\.ts$'],
      },
      to: {},
    },
    {
      name: 'nobody knows the command line',
      severity: 'error',
      from: { path: '^src/', pathNot: inside('cli') },
      to: { path: inside('cli') },
    },
    {
      name: 'pictures and lists know no tensors',
      severity: 'error',
      from: { path: ['^src/video/', '^src/events/', '^src/rendering/', '^src/report/', '^src/batch/'] },
      to: { path: ['^src/base/tensorflow', '@tensorflow'] },
    },
    {
      name: 'TensorFlow.js comes from one place, its backends from another',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(base/tensorflow|models/(backend|wasm-))' },
      to: { path: '@tensorflow' },
    },
    {
      name: 'types and errors know nothing',
      severity: 'error',
      from: { path: '^src/base/(types|errors)\\.ts$' },
      to: { path: '^src/' },
    },
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^node:' },
  },
};
