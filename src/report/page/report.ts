/** The report in the browser: puts its parts together and keeps them in step. */

import type { Analysis } from '../../analysis/document.ts';
import { isUntrained, modelName, targetName } from '../../analysis/model-words.ts';
import { inputView, ribbonOf } from '../../analysis/timeline.ts';
import { isInside, momentAt } from '../../video/drawing/keyframes.ts';
import type { ReportData } from '../page-data.ts';
import { addCells, describeValue } from './cells.ts';
import { element, formatTime, readData, select, themeButton } from './dom.ts';
import { factTables } from './facts.ts';
import { Link } from './linked.ts';
import { lossCurves } from './losses.ts';
import { OverlayPainter } from './painter.ts';
import { panelSections } from './panel.ts';
import { pictureGallery } from './pictures.ts';
import { Player } from './player.ts';
import { PlotGroup } from './plots.ts';
import { Ribbon } from './ribbon.ts';
import { SettingsPanel } from './settings.ts';

start().catch((error: unknown) => {
  document.body.append(element('p', { class: 'warning', role: 'alert' }, `This report cannot be shown: ${error}`));
  throw error;
});

async function start(): Promise<void> {
  const data = readData<ReportData>();
  const text = await decompressed(data.analysis);
  build(data, JSON.parse(text) as Analysis, text);
}

function build(data: ReportData, analysis: Analysis, text: string): void {
  const { source, span, frames } = analysis;
  const painter = new OverlayPainter(
    analysis,
    data.ignored ? [{ ...data.ignored, values: Uint8Array.from(data.ignored.values) }] : [],
  );
  const { gaps } = painter;
  const momentsSec = frames.map(({ timestampSec }) => timestampSec);
  const plots = new PlotGroup();
  const canvas = element('canvas', { 'aria-hidden': 'true' });
  const badge = element('span', { class: 'badge number', hidden: true });
  const status = element('p', { class: 'status number' });
  const problem = element('p', { class: 'warning', role: 'alert', hidden: true });
  const play = element('button', { type: 'button', class: 'primary' }, 'Play');
  const settings = new SettingsPanel(paintAll, {
    hasImportance: analysis.importance !== undefined,
    hasObjects: analysis.objects !== undefined,
    ignored: data.ignoredParts ?? [],
  });
  let shownSec = momentsSec[0]!;
  let link: Link | undefined;

  const player = new Player(data.video, data.frames, {
    onSeek: (frame) => {
      const timeSec = player.timesSec[frame]!;
      link?.tell(timeSec);
      ribbon.show(timeSec);
      const sample = ribbon.sampleAt(timeSec);
      for (const part of panel) part.show(sample);
      status.textContent = `${formatTime(timeSec)} · frame ${frame + 1} of ${player.timesSec.length} · ${mapAt(timeSec)}`;
    },
    onFrame: (frame) => {
      shownSec = player.timesSec[frame]!;
      paintVideo();
    },
    onPlaying: (isPlaying) => {
      play.textContent = isPlaying ? 'Pause' : 'Play';
    },
    onError: (message) => {
      problem.textContent = message;
      problem.hidden = false;
    },
  });
  const goTo = (timeSec: number): void => player.goToTime(timeSec);
  const panel = panelSections(analysis);
  const ribbon = new Ribbon(ribbonOf(analysis), { span, gaps }, plots, goTo);
  const { gallery, overlaid } = pictureGallery(analysis, data.pictures, (timeSec) => {
    goTo(timeSec);
    stage.scrollIntoView({ block: 'nearest' });
  });
  const stage = element('div', { class: 'stage' }, player.video, canvas, badge);
  stage.style.aspectRatio = `${source.width} / ${source.height}`;
  stage.style.setProperty('--ratio', String(source.width / source.height));
  addCells(stage, frames[0]!.filter, inputView(analysis), (cell) => {
    if (isInside(gaps, shownSec)) return undefined;
    const nearest = nearestOf(momentsSec, shownSec);
    const value = describeValue(frames[nearest]!.filter.values[cell]!);
    return Math.abs(momentsSec[nearest]! - shownSec) < 1e-3 ? value : `${value} at ${formatTime(momentsSec[nearest]!)}`;
  });

  play.addEventListener('click', () => player.toggle());
  const controls = element(
    'div',
    { class: 'controls', role: 'group', 'aria-label': 'Video' },
    play,
    step('⇤', 'Previous sampled frame', () => goTo(momentBeside(-1))),
    step('‹', 'One frame back', () => player.goToFrame(player.frame - 1)),
    step('›', 'One frame on', () => player.goToFrame(player.frame + 1)),
    step('⇥', 'Next sampled frame', () => goTo(momentBeside(1))),
    speedChoice((rate) => {
      player.video.playbackRate = rate;
    }),
    step('PNG', 'Save this frame as a PNG file', () => void savePicture()),
    status,
  );
  document.body.append(
    pageHeader(analysis, data.title, text, () => plots.redraw()),
    element(
      'main',
      {},
      ...warningList(analysis, data.warnings),
      problem,
      element(
        'div',
        { class: 'view' },
        element(
          'div',
          { class: 'stage-column' },
          stage,
          controls,
          section('Over time', ribbon.element, keyHints(analysis.objects !== undefined)),
        ),
        element('aside', {}, settings.element, ...panel.map((part) => part.element)),
      ),
      section(`Sampled frames${someOf(data.pictures.length, frames.length)}`, gallery),
      ...(analysis.windows ? [] : [lossSection()]), // windows keep no losses but their last
      section('How it was made', factTables(analysis)),
    ),
    ...licenceFooter(analysis),
  );
  new ResizeObserver(paintVideo).observe(canvas);
  new ResizeObserver(paintPictures).observe(gallery);
  document.addEventListener('keydown', onKey);
  player.goToTime(momentsSec[0]!);
  link = new Link(player); // from now on: both begin where their own sampled frames do

  function lossSection(): HTMLElement {
    const pictured = data.pictures.map(({ frame }) => frame);
    const title = `Loss while solving${someOf(pictured.length, frames.length)}`;
    return section(title, lossCurves(frames, pictured, plots));
  }

  function paintAll(): void {
    paintVideo();
    paintPictures();
  }

  function paintVideo(): void {
    painter.paintTime(canvas, shownSec, settings.settings);
    const moment = momentAt(painter.keyframes(settings.settings), shownSec);
    const isGap = isInside(gaps, shownSec);
    badge.hidden = moment === undefined && !isGap;
    badge.textContent = isGap ? 'not analyzed' : `sampled ${(moment ?? 0) + 1} of ${frames.length}`;
    stage.classList.toggle('sampled', moment !== undefined);
  }

  /** The frame that is shown, at the size of the video, with the overlay as it is drawn now. */
  async function savePicture(): Promise<void> {
    const { videoWidth: width, videoHeight: height } = player.video;
    const picture = element('canvas', { width, height });
    try {
      picture.getContext('2d')!.drawImage(player.video, 0, 0);
      painter.paintOver(picture, shownSec, settings.settings);
      const png = await new Promise<Blob | null>((done) => picture.toBlob(done, 'image/png'));
      if (png === null) throw new Error('the browser gave no picture');
      save(png, `${data.title.replace(/\.[^.]*$/, '')}-${shownSec.toFixed(3)}s.png`);
    } catch (error) {
      // Of a video beside a page that was opened from the disk, browsers let no page have the pictures.
      problem.textContent = `This frame cannot be saved here (${error}). The command under "As a video" draws it in a video.`;
      problem.hidden = false;
    }
  }

  function paintPictures(): void {
    for (const { frame, canvas: own } of overlaid) painter.paintFrame(own, frame, settings.settings);
  }

  /** Which sampled frames the map at a time comes from. */
  function mapAt(timeSec: number): string {
    if (isInside(gaps, timeSec)) return 'not analyzed';
    const moment = momentsSec.findIndex((time) => Math.abs(time - timeSec) < 5e-4);
    if (moment >= 0) return `sampled frame ${moment + 1}`;
    const after = momentsSec.findIndex((time) => time > timeSec);
    if (after === 0) return 'map of the first sampled frame';
    return after < 0 ? 'map of the last sampled frame' : `map blended between sampled frames ${after} and ${after + 1}`;
  }

  function momentBeside(direction: 1 | -1): number {
    const now = player.timesSec[player.frame]!;
    const beyond = momentsSec.filter((time) => direction * (time - now) > 5e-4);
    return (direction > 0 ? beyond[0] : beyond.at(-1)) ?? now;
  }

  function onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea, summary, .scroll'))
      return;
    const isButton = target.closest('button, a') !== null;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => (event.shiftKey ? goTo(momentBeside(-1)) : player.goToFrame(player.frame - 1)),
      ArrowRight: () => (event.shiftKey ? goTo(momentBeside(1)) : player.goToFrame(player.frame + 1)),
      Home: () => player.goToFrame(0),
      End: () => player.goToFrame(player.timesSec.length - 1),
      o: () => settings.cycleMode(),
      b: () => settings.toggleBoxes(),
      ...(!isButton && { ' ': () => player.toggle() }),
    };
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
    if (!action) return;
    event.preventDefault();
    action();
  }
}

function pageHeader({ span, options, model }: Analysis, title: string, text: string, onTheme: () => void): HTMLElement {
  const about = `${formatTime(span.startSec)} – ${formatTime(span.endSec)} · ${options.method} · explains ${targetName(options.target)} · ${modelName(model)}`;
  const download = element('button', { type: 'button' }, 'Download JSON');
  download.addEventListener('click', () => {
    save(new Blob([text], { type: 'application/json' }), 'analysis.json');
  });
  return element(
    'header',
    {},
    element('div', {}, element('h1', {}, title), element('p', { class: 'quiet-text' }, about)),
    element('div', { class: 'actions' }, download, themeButton(onTheme)),
  );
}

/** Hands a file to the reader. */
function save(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  element('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

function warningList({ model }: Analysis, warnings: readonly string[]): HTMLElement[] {
  const untrained = isUntrained(model) ? ['The head is untrained: the maps show an accidental network.'] : [];
  const all = [...untrained, ...warnings];
  if (all.length === 0) return [];
  const items = all.map((warning) => element('li', {}, warning));
  return [element('section', { class: 'warning', 'aria-label': 'Warnings' }, element('ul', {}, ...items))];
}

/** Under what the network, and what it was trained on, may be used; nothing where that is not known. */
function licenceFooter({ model: { licences = [] } }: Analysis): HTMLElement[] {
  if (licences.length === 0) return [];
  const text = licences.map(({ of, licence }) => `${of}: ${licence}`).join(' · ');
  return [element('footer', { class: 'quiet-text' }, `Licences — ${text}`)];
}

function section(title: string, ...content: readonly HTMLElement[]): HTMLElement {
  return element('section', { class: 'part' }, element('h2', {}, title), ...content);
}

function step(text: string, name: string, onClick: () => void): HTMLElement {
  const button = element('button', { type: 'button', 'aria-label': name, title: name }, text);
  button.addEventListener('click', onClick);
  return button;
}

/** How fast the video plays. */
function speedChoice(onChange: (rate: number) => void): HTMLElement {
  const list = select(
    'Speed',
    SPEEDS.map((speed) => [String(speed), `${speed}×`]),
  );
  list.value = '1';
  list.addEventListener('change', () => onChange(Number(list.value)));
  return list;
}

const SPEEDS = [0.1, 0.25, 0.5, 1, 2] as const;

function keyHints(hasObjects: boolean): HTMLElement {
  const hints = [
    ['Space', 'play'],
    ['← →', 'one frame'],
    ['Shift ← →', 'sampled frames'],
    ['O', 'next overlay'],
    ...(hasObjects ? [['B', 'boxes'] as const] : []),
  ] as const;
  const items = hints.flatMap(([key, what]) => [element('kbd', {}, key), ` ${what}   `]);
  return element('p', { class: 'hints quiet-text' }, ...items);
}

function someOf(shown: number, all: number): string {
  return shown < all ? `, ${shown} of ${all}` : '';
}

function nearestOf(times: readonly number[], timeSec: number): number {
  return times.reduce((best, time, i) => (Math.abs(time - timeSec) < Math.abs(times[best]! - timeSec) ? i : best), 0);
}

async function decompressed(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}
