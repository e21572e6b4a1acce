/** Networks: the contract that an analysis needs, backends, the packaged models and the weights of their trunks. */
export type { AttentionSpec } from './attention.ts';
export { type BackendInfo, type EngineInfo, useBackend, useEngine } from './backend.ts';
export { type Card, cardJsonSchema, normCard, readCard } from './card.ts';
export { BACKEND_CHOICES, type BackendChoice, ENGINE_CHOICES, type EngineChoice, NORMS, type Norm } from './choices.ts';
export type { ClassificationNetwork, DenseClassifier, NamedStep } from './classification-network.ts';
export type { Classifier } from './classifiers.ts';
export { EventNetwork } from './event-network.ts';
export type { RecurrentTail } from './event-tail.ts';
export type { Familiarity } from './familiarity.ts';
export type { LoadOptions } from './frame-trunk.ts';
export type { Head, HeadFacts, HeadOrigin, HeadSpec } from './head.ts';
export { type ImportedOptions, isImported, type OpenImported, openImported } from './imported.ts';
export type { KerasLayer } from './keras/cut-layers.ts';
export { KerasNetwork, type KerasOptions } from './keras/keras-network.ts';
export type { KerasMaps } from './keras/keras-tail.ts';
export type { KerasOutput } from './keras/outputs.ts';
export type { Scaling, StandIn } from './keras/unfolded.ts';
export { type LoadedModel, loadModel, type ModelManifest, modelJsonSchema } from './model-directory.ts';
export type { NpmPackage, PullOptions } from './npm-package.ts';
export type { EngineRelease } from './onnx/locate.ts';
export { OnnxNetwork } from './onnx/network.ts';
export { type Fetching, type PullEngineOptions, pullOnnxruntime } from './onnx/pull-engine.ts';
export type { OnnxOptions } from './onnx/read.ts';
export { OnnxTrunk } from './onnx/trunk.ts';
export { DEFAULT_MODEL, findModel, packagedModels } from './packaged.ts';
export { type Preprocessing, preprocessed } from './preprocessing.ts';
export { findPretrained, PRETRAINED_TRUNKS, type PretrainedTrunk } from './pretrained.ts';
export { pullTrunk } from './pull.ts';
export type { Question } from './questions.ts';
export type { NetworkPart, WeightsEdit } from './reinitialise.ts';
export type { Padding } from './residual-block.ts';
export type { FoldedWeights, ResNetSpec } from './resnet.ts';
export type { NamedArray } from './safetensors.ts';
export type { ShallowCnnSpec, ShallowLayer } from './shallow-cnn.ts';
export {
  isStillHead,
  type LoadedStillHead,
  loadStillHead,
  type StillFacts,
  type StillHead,
  type StillManifest,
  saveStillHead,
  stillHeadJsonSchema,
} from './still-directory.ts';
export type { StillHeadSpec } from './still-head.ts';
export {
  type OpenStillHead,
  openStillHead,
  type StillHeadNetwork,
  type StillHeadOptions,
} from './still-head-network.ts';
export type {
  Distance,
  EventNetworkDescription,
  FeatureMaps,
  ImportedDescription,
  Licence,
  ModelDescription,
  ModelInput,
  ModelOutput,
  VideoModel,
  VideoTail,
} from './video-model.ts';
