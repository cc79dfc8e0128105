import type { Tab } from '../app.js';
import { attentionTab } from './attention.js';
import { duplicatesTab } from './duplicates.js';
import { featuresTab } from './features.js';
import { mapTab } from './map.js';
import { measureTab } from './measure.js';
import { searchTab } from './search.js';
import { teachTab } from './teach.js';

/** In the order in which the page lists them; the first is shown at the start. */
export const tabs: Tab[] = [
  searchTab,
  attentionTab,
  featuresTab,
  teachTab,
  duplicatesTab,
  mapTab,
  measureTab,
];
