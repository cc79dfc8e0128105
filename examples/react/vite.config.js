import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Threads need a page that is cross-origin isolated. Whatever serves the build has to send these headers too; without
// them the model runs on one thread.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({ plugins: [react()], base: './', server: { headers }, preview: { headers } });
