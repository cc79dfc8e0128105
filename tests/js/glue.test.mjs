// web/engine/module.ts and tools.ts declare by hand what the Emscripten glue exposes: they must not part.
import { readFileSync } from 'node:fs';
import { beforeAll, expect, jest, test } from '@jest/globals';
import { nanoFile, readSafetensors, safetensors } from './support/safetensors.mjs';

jest.setTimeout(180_000); // for a machine with other work

const source = ['module', 'tools']
  .map((name) => readFileSync(new URL(`../../web/engine/${name}.ts`, import.meta.url), 'utf8'))
  .join('\n');

/** The members of `interface NAME { … }` in the files, own and not inherited. */
function members(name) {
  const body = new RegExp(`interface ${name}[^{]*{([^}]*(?:{[^}]*}[^}]*)*?)\\n}`).exec(source)?.[1];
  if (body === undefined) throw new Error(`there is no interface ${name}`);
  return [...body.matchAll(/^ {2}(\w+)\??[(:]/gm)].map(([, member]) => member).sort();
}

/** Starts a module with the one glue, as the package does. */
async function start(name) {
  const file = (path) => new URL(`../../build/${path}`, import.meta.url);
  const { default: createEngine } = await import(file('simd-mt/bindings/vitreous-simd-mt.mjs').href);
  const wasm = await WebAssembly.compile(readFileSync(file(`simd/bindings/${name}`)));
  return createEngine({
    threads: 1,
    wasmMemory: new WebAssembly.Memory({ initial: 256, maximum: 65536 }),
    instantiateWasm(imports, done) {
      WebAssembly.instantiate(wasm, imports).then((instance) => done(instance, wasm));
      return {};
    },
  });
}

let module;
let tools;
beforeAll(async () => {
  module = await start('vitreous-simd.wasm');
  tools = await start('vitreous-tools-simd.wasm');
});

// What Embind gives each class besides its methods, and the Emscripten runtime each module.
const EMBIND = new Set(['constructor', 'clone', 'delete', 'deleteLater', 'isAliasOf', 'isDeleted']);
const RUNTIME =
  /^(HEAP\w+|calledRun|instantiateWasm|threads|wasmMemory|PThread|dynCall_\w+|BindingError|InternalError|UnboundTypeError|count_emval_handles)$/;

test('the modules have what is declared', () => {
  const exposed = (of) => Object.keys(of).filter((name) => !RUNTIME.test(name));
  // A class without a constructor is what another one's method returns: GlueModel, from GlueLoader.finish.
  const model = [...['AnyModule', 'ModelModule'].flatMap(members), 'Model'];
  expect(exposed(module).sort()).toEqual(model.sort());
  expect(exposed(tools).sort()).toEqual(['AnyModule', 'Recipes', 'EngineClasses'].flatMap(members).sort());
});

test.each([
  ['Transform', 'GlueTransform'],
  ['Loader', 'GlueLoader'],
  ['Converter', 'GlueConverter'],
  ['Model', 'GlueModel'],
  ['FeatureBank', 'GlueFeatureBank'],
  ['LogisticRegression', 'GlueLogisticRegression'],
  ['LabelPropagation', 'GlueLabelPropagation'],
  ['VectorIndex', 'GlueVectorIndex'],
  ['PrincipalAxes', 'GluePrincipalAxes'],
])('class %s has the methods of %s', (name, declared) => {
  const { prototype } = { ...module, ...tools }[name];
  const methods = Object.getOwnPropertyNames(prototype).filter((method) => !EMBIND.has(method));
  expect(methods.sort()).toEqual(members(declared));
  expect(typeof prototype.delete).toBe('function');
});

// Written by the build: bindings/models.cc.
const models = JSON.parse(readFileSync(new URL('../../build/models.json', import.meta.url), 'utf8'));

test('the table of models has what ModelEntry declares', () => {
  expect(models.map(({ config }) => config.name)).toContain('vit_base_patch16_224.dino');
  for (const entry of models) expect(Object.keys(entry).sort()).toEqual(members('ModelEntry'));
});

test('a transform works as declared, and a forward takes the request as declared', () => {
  const [{ data }] = models;
  const transform = new module.Transform(data);
  const { x, y, width, height } = transform.begin(248, 300, 3);
  expect([x, y, width, height].every(Number.isInteger)).toBe(true);
  expect(transform.room(height)).toHaveLength(height * width * 3);
  transform.push(height);
  expect(transform.finish()).toHaveLength(3 * data.inputSize[1] * data.inputSize[2]);
  transform.delete();
});

const loading = { int8: false, files: 1, head: false };

test('an error of the engine comes with its code', () => {
  const [{ config }] = models;
  const loader = new module.Loader(config, loading);
  loader.beginFile(-1, false);
  expect(() => loader.push(new Uint8Array(8).fill(255))).toThrow(
    expect.objectContaining({ code: 'CHECKPOINT_OVERSIZED' }),
  );
  loader.delete();
});

test('a model of several files is whole only with all of them', () => {
  const { config } = models.find((entry) => entry.config.name === 'vit_nano_patch16_224');
  const loader = new module.Loader(config, { ...loading, files: 2 });
  const { entries } = readSafetensors();
  const { shape } = entries['blocks.0.norm1.weight'];
  const header = { 'blocks.0.norm1.weight': { dtype: 'F16', shape, data_offsets: [0, 2 * shape[0]] } };
  loader.beginFile(-1, false);
  loader.push(safetensors(JSON.stringify(header), new Uint8Array(2 * shape[0])));
  loader.endFile();
  expect(() => loader.finish()).toThrow(expect.objectContaining({ code: 'TENSOR_MISSING' }));
  loader.beginFile(-1, false);
  expect(() => loader.push(readFileSync(nanoFile))).toThrow(
    expect.objectContaining({
      code: 'TENSOR_DUPLICATE',
      message: expect.stringContaining('blocks.0.norm1.weight'),
    }),
  );
  loader.delete();
});

test('nothing of JavaScript stays referenced by the engine', () => {
  const { config, data } = models.find((entry) => entry.config.name === 'vit_nano_patch16_224');
  const loader = new module.Loader({ ...config, numClasses: 0 }, loading);
  loader.beginFile(-1, false);
  loader.push(readFileSync(nanoFile));
  expect(loader.expectedBytes()).toBe(readFileSync(nanoFile).length);
  loader.endFile();
  const model = loader.finish();
  const request = {
    height: 224,
    width: 224,
    pooled: true,
    logits: false,
    tokens: true,
    lastBlock: -1,
    blocks: [0],
    norm: true,
    nchw: true,
    attention: [0],
    fullAttention: true,
    qkv: { block: 0, part: 'key' },
    rollout: { headFusion: 'mean', discardRatio: 0 },
  };

  const round = () => {
    const transform = new module.Transform(data);
    const { height } = transform.begin(8, 8, 3);
    transform.room(height);
    transform.push(height);
    model.forward(transform.finish(), request);
    expect(() => model.forward(new Float32Array(7), request)).toThrow('not a multiple');
    expect(() => transform.begin(0, 1, 3)).toThrow();
    transform.delete();
    const loader = new module.Loader(config, loading);
    loader.beginFile(-1, false);
    expect(() => loader.push(new Uint8Array(8).fill(255))).toThrow();
    expect(() => loader.endFile()).toThrow();
    loader.delete();
    expect(() => new module.Transform({ ...data, interpolation: 'nearest' })).toThrow();
    const bank = new tools.FeatureBank(2);
    bank.add(Float32Array.of(1, 2, 3, 4), Int32Array.of(0, 1));
    expect(bank.scores(Float32Array.of(1, 2), 1, 1, 2)).toHaveLength(2);
    expect(bank.contents().features).toEqual(Float32Array.of(1, 2, 3, 4));
    bank.delete();
    const pca = tools.pcaImages(Float32Array.of(1, 2, 3, 5), 2, 1, { threshold: 0.5, above: true });
    expect(pca.foreground).toEqual(Uint8Array.of(0, 1));
    expect(() =>
      tools.fitCopyWhitening(...Array(2).fill(new Float32Array(4)), 2, { dim: 2, shrinkage: 0 }),
    ).toThrow();
    expect(() => tools.fitWhitening(new Float32Array(4), 2, { dim: 2, power: 1, centered: true })).toThrow();
  };
  round(); // keeps the names of the properties it reads
  const handles = () => [module, tools].map((of) => of.count_emval_handles());
  const before = handles();
  for (let i = 0; i < 5; i++) round();
  expect(handles()).toEqual(before);
});
