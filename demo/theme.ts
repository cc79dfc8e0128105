// Before anything is painted: the theme that the visitor chose.
import { recall } from './state.js';

const theme = recall<string>('theme');
if (theme) document.documentElement.dataset.theme = theme;
