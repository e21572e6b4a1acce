/**
 * What a worker of a queue does with the events that it is given, of whatever batch: finds out whether it has what they need,
 * and has them made by the runner of their batch's settings. What it lacks, another worker may have.
 */
import { dirname, isAbsolute, join, relative, resolve, win32 } from 'node:path';
import { L2cafError } from '../base/errors.ts';
import { fileSize, sha256OfFile } from '../base/files.ts';
import { folderOf } from '../events/row.ts';
import { baseOf, findVideo } from '../events/video-files.ts';
import { readingOf } from '../video/media/probe.ts';
import { JOURNAL, removeLeftovers } from './batch.ts';
import type { BesideFile } from './beside.ts';
import type { BatchEvent } from './events.ts';
import { describeModel } from './model.ts';
import { type BatchModel, type BatchSettings, keysOf, type ModelChoice } from './outputs.ts';
import type { QueuedEvent, QueuedSettings } from './queued-event.ts';
import { EventRunner, type RunnerOptions } from './runner.ts';
import { duringSetup, SetupError } from './setup-error.ts';
import type { EventOutcome } from './tasks.ts';
import { type VideoFacts, Videos } from './videos.ts';

/** Something that an event needs, and that this worker does not have. */
export class LackError extends L2cafError {}

/** What there is on this machine. */
export interface DeskOptions extends Pick<RunnerOptions, 'cacheBytes' | 'onNote' | 'workerModule'> {
  /** Worker processes with a network. */
  readonly jobs: (model: BatchModel) => number;
  /** Folder of the videos on this machine, the only one that they are read from; default: where the batch has them. */
  readonly videos?: string;
  /** The batch's folder as this machine sees it, the only one that is written to; default: as the batch calls it. */
  readonly output?: string;
  /** The model as this machine has it, where that is not where the batch has it; it must make the same files. */
  readonly model?: string;
  /** How a model is described; the packaged way unless a test has another. */
  readonly describe?: (choice: ModelChoice) => Promise<BatchModel>;
}

/** Of failures that are no event's own, those that the whole machine shares, whatever the batch. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['output-unwritable', 'worker-lost']);

/** See the top of this file. Close it when done. */
export class Desk {
  readonly #options: DeskOptions;
  readonly #videos = new Videos();
  readonly #runners = new Map<string, Promise<SettingsRunner>>();
  /** Settings that this machine cannot serve. */
  readonly #unfit = new Map<string, LackError>();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  /**
   * Makes an event's files.
   *
   * @throws LackError when another worker may have what is missing here; SetupError when this machine can make no event
   */
  async run(queued: QueuedEvent): Promise<EventOutcome> {
    const { event, outputs, settings, keys } = queued;
    const name = JSON.stringify(settings);
    await this.expectPlaces(queued);
    const here = await this.#here(event);
    try {
      const shared = await this.#runnerOf(name, settings);
      const own = keysOf(event, shared.settings);
      if (outputs.some((output) => own[output] !== keys[output])) {
        throw new SetupError('model-invalid', 'this worker would make other files than the batch expects', {
          hint: 'batch and workers need the same version of l2caf, and the same model under the same name',
        });
      }
      const folder = join(this.#folderOf(queued), 'events', folderOf(event.id));
      await removeLeftovers(folder);
      shared.active++;
      try {
        return await shared.runner.run(here, folder, outputs);
      } finally {
        shared.active--;
      }
    } catch (error) {
      if (!(error instanceof SetupError)) return { error: error as Error, attempts: 1 };
      if (OF_THE_MACHINE.has(error.code)) throw error;
      const lack = lackOf(error);
      this.#unfit.set(name, lack); // it is not tried again with every event
      throw lack;
    }
  }

  /**
   * Finds out whether the batch's folder, the event's video and the files beside it are there, without reading them.
   *
   * @throws LackError
   */
  async expectPlaces(queued: QueuedEvent): Promise<void> {
    const unfit = this.#unfit.get(JSON.stringify(queued.settings));
    if (unfit) throw unfit;
    const folder = this.#folderOf(queued);
    // Other than a folder, it is in none that is not the batch's.
    if ((await fileSize(join(folder, JOURNAL))) === undefined) {
      throw new LackError('input-not-found', `the batch's folder is not here: there is no ${join(folder, JOURNAL)}`, {
        hint: 'workers must write to the same folder: name it as they see it with l2caf worker -o',
      });
    }
    this.#expectAllowed(queued.settings);
    const { event } = queued;
    await this.#find(event);
    for (const file of [event.objects, event.signals]) if (file) await this.#place(file.path, file.path);
  }

  /** Where there is a folder of videos, the clip that events are compared with is read from no other place either. */
  #expectAllowed({ analysis: { target } }: QueuedSettings): void {
    const { videos: folder } = this.#options;
    if (target.kind !== 'similar' || folder === undefined) return;
    const { path } = target.facts.clip;
    if (!isOutside(folder, path)) return;
    throw new LackError('input-not-found', `the clip of --target similar, ${path}, is not in the folder ${folder}`, {
      hint: 'with l2caf worker --videos no other files are read: put it there, at the same path for the batch',
    });
  }

  /** Ends the worker processes. */
  async close(): Promise<void> {
    const runners = await Promise.allSettled(this.#runners.values());
    await Promise.all(
      runners.map((result) => (result.status === 'fulfilled' ? result.value.runner.close() : undefined)),
    );
  }

  #folderOf({ folder }: QueuedEvent): string {
    return resolve(this.#options.output ?? folder);
  }

  /** The event with its video where this machine has it; documents go on calling it as the batch does. */
  async #here(event: BatchEvent): Promise<BatchEvent> {
    const path = await this.#find(event);
    // The batch has read it: whatever keeps it from being read is this machine's.
    const facts = await this.#sameVideo(path, event.facts).catch((error: unknown) => {
      throw error instanceof L2cafError ? lackOf(error) : error;
    });
    const found = { ...event, facts: shownLike(event.facts, facts), sourcePath: event.facts.clip.path };
    const { objects, signals } = event;
    return {
      ...found,
      ...(objects && { objects: await this.#sameFile(objects) }),
      ...(signals && { signals: await this.#sameFile(signals) }),
    };
  }

  /** A file beside a video where this machine has it, in the folder of the videos where there is one. */
  async #sameFile({ path: calledPath, sha256 }: BesideFile): Promise<BesideFile> {
    const path = await this.#place(calledPath, calledPath);
    const hash = await sha256OfFile(path).catch((error: unknown) => {
      throw error instanceof L2cafError ? lackOf(error) : error;
    });
    if (hash === sha256) return { path, sha256, calledPath };
    throw new LackError('input-changed', `${path} is not the file that the batch has: its content differs`);
  }

  /** What is known here about a video that the batch has. */
  async #sameVideo(path: string, { sha256, clip }: VideoFacts): Promise<VideoFacts> {
    const facts = await this.#videos.facts(path, readingOf(clip));
    if (facts.sha256 === sha256) return facts;
    throw new L2cafError('input-changed', `${path} is not the video that the batch has: its content differs`);
  }

  #find({ video, facts }: BatchEvent): Promise<string> {
    return this.#place(facts.clip.path, video);
  }

  /**
   * Where a file of the batch is on this machine.
   *
   * @param path as the batch has it
   * @param listed as its list calls it
   * @throws LackError
   */
  async #place(path: string, listed: string): Promise<string> {
    const { videos: folder } = this.#options;
    const named = folder === undefined ? path : inside(folder, listed);
    const place = folder ?? dirname(path);
    try {
      return (await findVideo({ videos: [{ name: named }] }, place, folder)).path;
    } catch (error) {
      throw error instanceof L2cafError ? lackOf(error) : error;
    }
  }

  #runnerOf(name: string, settings: QueuedSettings): Promise<SettingsRunner> {
    const runner = this.#runners.get(name) ?? this.#makeRunner(settings);
    runner.catch(() => this.#runners.delete(name));
    this.#runners.set(name, runner);
    return runner;
  }

  async #makeRunner({ choice, ...rest }: QueuedSettings): Promise<SettingsRunner> {
    const { describe = describeModel, model: own, jobs, cacheBytes, onNote, workerModule } = this.#options;
    await this.#dropIdle();
    const model = await duringSetup(describe(own === undefined ? choice : { ...choice, model: own }));
    const { target } = rest.analysis;
    const here =
      target.kind === 'similar'
        ? {
            ...target,
            facts: shownLike(target.facts, await duringSetup(this.#sameVideo(target.facts.clip.path, target.facts))),
          }
        : target;
    const settings = { ...rest, analysis: { ...rest.analysis, target: here }, model };
    const runner = new EventRunner({
      settings,
      videos: this.#videos,
      jobs: jobs(model),
      ...(cacheBytes !== undefined && { cacheBytes }),
      ...(onNote && { onNote }),
      ...(workerModule && { workerModule }),
    });
    return { settings, runner, active: 0 };
  }

  /** Networks of batches that are over make room for others. */
  async #dropIdle(): Promise<void> {
    // A copy: the runner that waits for this is among them by the time that the first is looked at.
    for (const [name, runner] of [...this.#runners]) {
      const made = await runner.catch(() => undefined);
      if (made?.active !== 0) continue;
      this.#runners.delete(name);
      await made.runner.close();
    }
  }
}

interface SettingsRunner {
  readonly settings: BatchSettings;
  readonly runner: EventRunner;
  active: number;
}

/** What is known here of a video, of which the batch shows networks a part. */
function shownLike({ clip: { crop, hidden } }: VideoFacts, facts: VideoFacts): VideoFacts {
  return { ...facts, clip: { ...facts.clip, ...(crop && { crop }), ...(hidden && { hidden }) } };
}

/** What a list calls a video, as a name that cannot lead out of `folder`. */
function inside(folder: string, video: string): string {
  const name = video.replaceAll('\\', '/');
  const isPlace = isAbsolute(name) || win32.isAbsolute(name) || name.startsWith('file:');
  return isPlace || isOutside(folder, resolve(folder, name)) ? baseOf(name) : video;
}

function isOutside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return isAbsolute(way) || way === '..' || /^\.\.[\\/]/.test(way);
}

function lackOf({ code, message, hint, cause }: L2cafError): LackError {
  return new LackError(code, message, { ...(hint !== undefined && { hint }), cause });
}
