// CHANGELOG.md, in the form of Keep a Changelog: `## Unreleased`, then `## 1.2.3 - 2026-01-31`, …
import { SetupError } from '../setup/log.mjs';

/** The sections by their heading, without it: `Unreleased`, or a version. */
function sections(text) {
  const found = new Map();
  for (const part of text.split(/^## /m).slice(1)) {
    const [heading, ...lines] = part.split('\n');
    found.set(heading.split(' ')[0], lines.join('\n').trim());
  }
  return found;
}

/**
 * What is said of a version.
 * @throws {SetupError} where there is no section of it, or an empty one
 */
export function sectionOf(text, version) {
  const body = sections(text).get(version);
  if (body === undefined) throw new SetupError(`CHANGELOG.md has no section '## ${version}'.`);
  if (!/^- /m.test(body)) throw new SetupError(`CHANGELOG.md says nothing under '## ${version}'.`);
  return body;
}

/**
 * The changelog with its `Unreleased` section as that of a version, and a new empty one.
 * @param {string} date YYYY-MM-DD
 */
export function released(text, version, date) {
  sectionOf(text, 'Unreleased');
  if (sections(text).has(version))
    throw new SetupError(`CHANGELOG.md has a section '## ${version}' already.`);
  return text.replace(/^## Unreleased$/m, `## Unreleased\n\n## ${version} - ${date}`);
}
