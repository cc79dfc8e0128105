// An example as its reader has it: a folder of its own, the packed package installed, built by its own script.
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { ensurePackages } from '../../scripts/setup/packages.mjs';
import { install, lend, output, pack, root } from '../package/support.mjs';

const examples = join(root, 'examples');

/** The packaged sample photos. */
export const photos = join(root, 'models/photos');
export const BOATS = 'nagasaki-boats.jpg';

/**
 * Copies an example, installs the packed package in it, and what else it needs.
 * @param {string} name its folder in examples/
 * @returns {Promise<{ folder: string, run: (script: string) => Promise<string>, remove: () => Promise<void> }>} `run`
 *   runs one of its npm scripts
 */
export async function project(name) {
  await ensurePackages(examples);
  const { folder: scratch, tarball, remove } = await pack();
  const folder = join(scratch, name);
  const own = (path) => !/\/(node_modules|dist|site)$/.test(path);
  await cp(join(examples, name), folder, { recursive: true, filter: own });
  const { dependencies, devDependencies, ...manifest } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  );
  await install(folder, tarball, manifest);
  const packages = Object.keys({ ...dependencies, ...devDependencies }).filter((key) => key !== 'vitreous');
  const programs = (await readdir(join(examples, 'node_modules/.bin')))
    .filter((file) => file !== 'vitreous')
    .map((file) => `.bin/${file}`);
  await lend(folder, [...packages, ...programs], join(examples, 'node_modules'));
  return { folder, run: (script) => output(folder, 'npm', 'run', '--silent', script), remove };
}

/** A part of the boats, as a JPEG: the photo that is most like it is known. */
export async function partOfBoats() {
  const { width, height } = await sharp(join(photos, BOATS)).metadata();
  const box = { left: 0.1, top: 0.1, width: 0.8, height: 0.8 };
  const region = {
    left: Math.round(box.left * width),
    top: Math.round(box.top * height),
    width: Math.floor(box.width * width),
    height: Math.floor(box.height * height),
  };
  return sharp(join(photos, BOATS)).extract(region).jpeg().toBuffer();
}

/** Files to hand to a file input: the sample photos, and a part of one. */
export async function photoFiles() {
  const names = (await readdir(photos)).filter((name) => name.endsWith('.jpg'));
  const files = names.map(async (name) => ({
    name,
    mimeType: 'image/jpeg',
    buffer: await readFile(join(photos, name)),
  }));
  const part = { name: 'part-of-boats.jpg', mimeType: 'image/jpeg', buffer: await partOfBoats() };
  return [...(await Promise.all(files)), part];
}

/** A file that only says that it is an image. */
export const BROKEN = { name: 'broken.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('not an image') };

/** Drops files on an element of the page, as from a file manager. */
export async function drop(page, selector, files) {
  const list = files.map(({ name, mimeType, buffer }) => [name, mimeType, buffer.toString('base64')]);
  const transfer = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const [name, type, base64] of list) {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type, lastModified: 0 }));
    }
    return transfer;
  }, list);
  await page.dispatchEvent(selector, 'drop', { dataTransfer: transfer });
}

/** Waits until the page has no worker: its models are freed. */
export async function noWorkers(page) {
  while (page.workers().length > 0) await delay(20);
}
