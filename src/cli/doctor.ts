/** `l2caf doctor`: what will be used on this machine and why, and what to do about what is missing. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cacheFolder } from '../base/cache-folder.ts';
import { L2cafError, messageOf } from '../base/errors.ts';
import { makeFolder } from '../base/files.ts';
import {
  installCommand,
  KERAS_PACKAGES,
  missingPackages,
  ONNX_PACKAGES,
  QUEUE_PACKAGES,
  SEARCH_PACKAGES,
} from '../base/optional.ts';
import { useEngine } from '../models/backend.ts';
import type { EngineChoice } from '../models/choices.ts';
import { type EngineSpeed, MEASURED_SIZE, measureEngines } from '../models/engine-speed.ts';
import { loadModel } from '../models/model-directory.ts';
import { cachedState, engineFolder, lackHere, locateOnnxruntime, ONNXRUNTIME } from '../models/onnx/locate.ts';
import { PULL_ENGINE } from '../models/onnx/pull-engine.ts';
import { DEFAULT_MODEL, findModel } from '../models/packaged.ts';
import { cacheState, findPretrained, licencesOn, RESNET50_IMAGENET, weightsPath } from '../models/pretrained.ts';
import { EMBEDDED_FFMPEG, findAllFfmpegs, findFfprobe } from '../video/media/binaries.ts';
import { testFfmpeg } from '../video/media/self-test.ts';
import { EXIT } from './run.ts';
import { createTerminal, formatTable } from './terminal.ts';

/** What commander hands over. */
export interface DoctorFlags {
  readonly backend: EngineChoice;
  /** Whether the engines are measured. */
  readonly probe?: boolean;
  readonly json?: boolean;
}

/** Looks at everything, says what it found, and fails if anything fails. */
export async function examine({ backend, probe, json }: DoctorFlags): Promise<void> {
  const webgpu = await lookForWebgpu();
  const findings = [
    checkNode(),
    ...(await checkFfmpegs()),
    await check('ffprobe', async () => describeBinary(await findFfprobe())),
    await check('backend', async () => {
      const { name, detail, reason, warning } = await useEngine(backend);
      return `${name}: ${detail} (${reason})${warning === undefined ? '' : `; ${warning}`}`;
    }),
    describeWebgpu(webgpu),
    await describeOnnxruntime(),
    describeOptional('keras', KERAS_PACKAGES, 'Keras files'),
    describeOptional('search', SEARCH_PACKAGES, 'index, search and project'),
    describeOptional('queue', QUEUE_PACKAGES, 'batch --queue and worker'),
    await checkCache(),
    await checkTrunk(),
    await check('licences', describeLicences),
    ...(probe ? await measured(backend, webgpu) : []),
  ];
  const terminal = createTerminal();
  if (json) terminal.result(JSON.stringify(findings, null, 2));
  else terminal.result(formatTable(findings.map(({ verdict, name, found }) => [verdict, name, found])));
  for (const { name, advice } of findings) if (advice !== undefined && !json) terminal.result(`→ ${name}: ${advice}`);
  if (findings.some(({ verdict }) => verdict === 'fail')) process.exitCode = EXIT.failed;
}

/** One thing that was looked at. */
interface Finding {
  readonly name: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  /** What was found, and why it is used. */
  readonly found: string;
  /** What to do, where there is something to do. */
  readonly advice?: string;
  /** Of an engine that was measured. */
  readonly msPerFrame?: number;
}

/** Each ffmpeg with what it can do; the first is used. */
async function checkFfmpegs(): Promise<Finding[]> {
  const name = 'ffmpeg';
  const found = await findAllFfmpegs().catch((error: unknown) => error as L2cafError);
  if (found instanceof Error) {
    return [
      { name, verdict: 'fail', found: messageOf(found), ...(found.hint !== undefined && { advice: found.hint }) },
    ];
  }
  const findings: Finding[] = [];
  for (const [i, binary] of found.entries()) {
    const { encoders, failures } = await testFfmpeg(binary);
    const abilities = failures.length > 0 ? failures.join('; ') : `decodes, seeks, encodes with ${encoders[0]}`;
    const use = i === 0 ? 'used' : 'not used';
    const isOld = binary.source === EMBEDDED_FFMPEG;
    findings.push({
      name,
      verdict: failures.length === 0 ? 'ok' : i === 0 ? 'fail' : 'warn',
      found: `${describeBinary(binary)}, ${use}: ${abilities}`,
      ...(failures.length > 0 && i === 0 && { advice: 'set FFMPEG_PATH to another one, or install one' }),
      ...(isOld && i === 0 && failures.length === 0 && { advice: OLD_FFMPEG }),
    });
  }
  return findings;
}

const OLD_FFMPEG =
  'the embedded one is of 2018: to open files from strangers, install a current ffmpeg, which is then used instead';

/** How fast each engine is here, the one that is used first, and why it is. */
async function measured(backend: EngineChoice, webgpu: WebgpuLook): Promise<Finding[]> {
  const name = 'probe';
  try {
    const used = await useEngine(backend);
    const speeds = await measureEngines(webgpu.why === undefined ? {} : { webgpu: webgpu.why });
    const msOf = (speed: EngineSpeed): number => ('why' in speed ? Number.POSITIVE_INFINITY : speed.msPerFrame);
    const isUsed = (speed: EngineSpeed): boolean => ('why' in speed ? speed.name : speed.engine.name) === used.name;
    const [best] = [...speeds].sort((a, b) => msOf(a) - msOf(b));
    return [...speeds.filter(isUsed), ...speeds.filter((speed) => !isUsed(speed))].map((speed) => {
      if ('why' in speed) return { name, verdict: 'ok', found: `${speed.name}: not measured: ${speed.why}` };
      const { engine, msPerFrame } = speed;
      const ms = `${engine.name}: ${msPerFrame < 100 ? msPerFrame.toPrecision(2) : msPerFrame.toFixed(0)} ms per frame of ${MEASURED_SIZE.width}x${MEASURED_SIZE.height}`;
      const isSlower = isUsed(speed) && best !== speed && best !== undefined && !('why' in best);
      return {
        ...{ name, verdict: 'ok', msPerFrame: Math.round(10 * msPerFrame) / 10 },
        found: isUsed(speed) ? `${ms}, used (${used.reason})` : ms,
        ...(isSlower && { advice: `${best.engine.name} is faster here: --backend ${best.engine.name}` }),
      };
    });
  } catch (error) {
    const advice = error instanceof L2cafError ? error.hint : undefined;
    return [{ name, verdict: 'warn', found: messageOf(error), ...(advice === undefined ? {} : { advice }) }];
  }
}

/** The GPU is used only when it is asked for, so nothing is wrong without one. */
function describeWebgpu({ detail, why }: WebgpuLook): Finding {
  const found = detail === undefined ? `not available: ${why}` : `${detail} (with --backend webgpu)`;
  return { name: 'webgpu', verdict: 'ok', found };
}

/** The graphics adapter that was found, or why there is none. */
interface WebgpuLook {
  readonly detail?: string;
  readonly why?: string;
}

/** Looks for a graphics adapter in a process of its own, whose drivers may say what they like. */
async function lookForWebgpu(): Promise<WebgpuLook> {
  const program = fileURLToPath(new URL(`./webgpu-look${extname(import.meta.url)}`, import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: LOOK_MS });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as WebgpuLook;
  } catch (error) {
    const { signal, killed } = error as { signal?: string; killed?: boolean };
    if (killed) return { why: `its driver does not answer within ${LOOK_MS / 1000} s` };
    return { why: signal ? `its driver ended the process (${signal})` : messageOf(error).split('\n')[0]! };
  }
}

const LOOK_MS = 60_000;

/** What runs the trunk at several times the speed, and ONNX networks: fetched when it is first needed. */
async function describeOnnxruntime(): Promise<Finding> {
  const name = 'onnx';
  const found = await locateOnnxruntime();
  if (found !== undefined) {
    const where = found.from === 'cache' ? 'pulled into the cache' : 'installed';
    return { name, verdict: 'ok', found: `onnxruntime-node ${found.version}: ${found.path} (${where})` };
  }
  const lack = lackHere();
  if (lack !== undefined) return { name, verdict: 'ok', found: lack };
  const isDamaged = (await cachedState(ONNXRUNTIME)) === 'damaged';
  return {
    name,
    verdict: 'warn',
    found: isDamaged
      ? `onnxruntime-node in the cache is damaged: ${engineFolder(ONNXRUNTIME)}`
      : 'onnxruntime-node is neither installed nor in the cache',
    advice: `${PULL_ENGINE} (the first analysis does it too), or ${installCommand(ONNX_PACKAGES)}`,
  };
}

/** Packages that are there for those who want them, so nothing is wrong without. */
function describeOptional(name: string, packages: readonly string[], commands: string): Finding {
  const found =
    missingPackages(packages).length === 0
      ? `${packages.join(', ')} (for ${commands})`
      : `not installed; for ${commands}: ${installCommand(packages)}`;
  return { name, verdict: 'ok', found };
}

function checkNode(): Finding {
  const isRecent = Number(process.versions.node.split('.')[0]) >= 20;
  const found = `${process.versions.node} on ${process.platform} ${process.arch}`;
  return isRecent
    ? { name: 'node', verdict: 'ok', found }
    : { name: 'node', verdict: 'fail', found, advice: 'install Node 20 or newer' };
}

async function checkCache(): Promise<Finding> {
  const folder = cacheFolder();
  const why = process.env['L2CAF_CACHE'] ? 'L2CAF_CACHE' : "the user's cache folder";
  try {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
    return { name: 'cache', verdict: 'ok', found: `${folder} (${why})` };
  } catch (error) {
    const isOfUse = (await cacheState(RESNET50_IMAGENET)) === 'ready'; // one that can only be read serves too
    return {
      name: 'cache',
      verdict: isOfUse ? 'warn' : 'fail',
      found: isOfUse ? `${folder} (${why}) can only be read: ${messageOf(error)}` : messageOf(error),
      advice: 'set L2CAF_CACHE to a folder that can be written to',
    };
  }
}

async function checkTrunk(): Promise<Finding> {
  const { id } = RESNET50_IMAGENET;
  const state = await cacheState(RESNET50_IMAGENET);
  if (state === 'ready')
    return { name: 'model', verdict: 'ok', found: `${id}: ${weightsPath(RESNET50_IMAGENET)}, hash verified` };
  if (state === 'damaged') {
    return {
      name: 'model',
      verdict: 'fail',
      found: `${id}: ${weightsPath(RESNET50_IMAGENET)} is damaged`,
      advice: 'l2caf models pull',
    };
  }
  return {
    name: 'model',
    verdict: 'warn',
    found: `${id}: not in the cache`,
    advice: 'l2caf models pull (the first analysis does it too)',
  };
}

/** What the default model may be used for. */
async function describeLicences(): Promise<string> {
  const { head } = await loadModel(await findModel(DEFAULT_MODEL));
  const all = licencesOn(findPretrained(head.spec.trunk), head);
  return all.map(({ of, licence }) => `${of}: ${licence}`).join('; ');
}

async function check(name: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { name, verdict: 'ok', found: await look() };
  } catch (error) {
    const advice = error instanceof L2cafError ? error.hint : undefined;
    return { name, verdict: 'fail', found: messageOf(error), ...(advice === undefined ? {} : { advice }) };
  }
}

function describeBinary({ path, version, source }: { path: string; version: string; source: string }): string {
  return `${version}: ${path} (${source})`;
}
