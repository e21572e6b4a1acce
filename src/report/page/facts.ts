/** What was analyzed, with which model and options. */
import type { Analysis } from '../../analysis/document.ts';
import { gridWords, sharingNote, targetName } from '../../analysis/model-words.ts';
import type { GridShape } from '../../base/types.ts';
import { element, formatNumber, formatTime } from './dom.ts';

function modelFacts(model: Analysis['model'], shown: GridShape): (readonly [string, string])[] {
  const { grid, inputSize } = model;
  const input = `${inputSize.width}x${inputSize.height}, ${gridWords(grid, shown)}`;
  if (model.kind === 'imported') {
    return [
      ['network', `${model.id} (${model.format})`],
      ['layer', `${model.layer}, ${model.layout}`],
      ['output', model.output],
      ['input', model.resize ? `${input} (${model.resize})` : input],
      ['SHA-256', model.sha256],
    ];
  }
  const { head } = model;
  return [
    ['head', head.kind === 'trained' ? head.id : `untrained, seed ${head.seed}`],
    ['trunk', `${model.trunk}, after ${model.stage}`],
    ['input', input],
    ['head SHA-256', head.sha256],
    ['trunk SHA-256', model.trunkSha256],
  ];
}

/** Tables of the clip, the model and the method. */
export function factTables({ source, span, model, options, frames, timingsSec, l2cafVersion }: Analysis): HTMLElement {
  const { numerator, denominator } = source.frameRate;
  const { dense } = options;
  return element(
    'div',
    { class: 'facts' },
    table('Clip', [
      ['file', source.path],
      ['span', `${formatTime(span.startSec)} – ${formatTime(span.endSec)} of ${formatTime(source.durationSec)}`],
      ['picture', `${source.width} × ${source.height}, ${formatNumber(numerator / denominator)} frames/s`],
      ...(source.rotationDeg === 0 ? [] : [['rotation', `${source.rotationDeg}° clockwise`] as const]),
      ['SHA-256', source.sha256],
    ]),
    table('Model', modelFacts(model, frames[0]!.filter)),
    table('Method', [
      ['method', options.method],
      ['explains', targetName(options.target)],
      ['solver', `${options.solver} (${options.solverReason})`],
      ['preset', options.preset],
      ['constraint', options.constraint],
      ['seed', String(options.seed)],
      ['backend', options.backend],
      ['frames', [frames.length, sharingNote({ frames })].filter(Boolean).join(', ')],
      ...(dense
        ? [
            [
              'windows',
              `${dense.framesPerWindow} frames in ${formatTime(dense.windowSec)}, every ${formatTime(dense.strideSec)}`,
            ] as const,
          ]
        : []),
      ...Object.entries(timingsSec ?? {}).map(([what, seconds = 0]) => [`time: ${what}`, formatTime(seconds)] as const),
      ['l2caf', l2cafVersion],
    ]),
  );
}

function table(title: string, rows: readonly (readonly [name: string, value: string])[]): HTMLElement {
  const entries = rows.flatMap(([name, value]) => {
    const isHash = /^[0-9a-f]{64}$/.test(value);
    const shown = isHash ? `${value.slice(0, 16)}…` : value;
    return [element('dt', {}, name), element('dd', { title: isHash && value }, shown)];
  });
  return element('section', {}, element('h3', {}, title), element('dl', {}, ...entries));
}
