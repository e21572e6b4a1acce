/**
 * Any network, in any engine: all that is needed is what it makes of filters, in plain numbers. This one averages two
 * channels of a 3×3 map and multiplies them; that it is not linear is found out.
 */
import { solveFilters, toHeatmap } from 'l2caf/l2caf';

const grid = { height: 3, width: 3 };
const cells = grid.height * grid.width;
const channels = [
  [0, 0, 0, 0, 9, 1, 0, 1, 0], // fires in the middle
  [2, 1, 1, 1, 2, 1, 1, 1, 8], // fires in the lower right corner
];

/** @param {ArrayLike<number>} filter */
function network(filter) {
  const [a = 0, b = 0] = channels.map(
    (map) => map.reduce((sum, value, i) => sum + value * (filter[i] ?? 0), 0) / cells,
  );
  return [a, b, a * b];
}

const tail = {
  ...{ slots: 1, grid, outputSize: 3, reference: Float32Array.from(network(new Array(cells).fill(1))) },
  /** @param {Float32Array} filters @param {readonly number[]} slots */
  async evaluate(filters, slots) {
    return Float32Array.from(slots.flatMap((_, i) => network(filters.subarray(i * cells, (i + 1) * cells))));
  },
  dispose() {},
};

const { filters, reason } = await solveFilters(tail);
const [filter] = filters;
if (!filter) throw new Error('there is one slot, so there is one filter');
console.log(reason);
console.log(
  `loss ${filter.loss.toFixed(4)}, largest cell ${toHeatmap(filter, { height: 90, width: 90 }).max.toFixed(3)}`,
);
for (let row = 0; row < grid.height; row++) {
  const values = [...filter.values.subarray(row * grid.width, (row + 1) * grid.width)];
  console.log(values.map((value) => value.toFixed(2).padStart(6)).join(''));
}
