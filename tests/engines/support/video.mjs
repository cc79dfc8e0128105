// A video that every engine is given: WebKitGTK plays what it cannot record.
import { launchChromium } from '../../browser/support/chromium.mjs';
import { openSite, startTestSite } from '../../browser/support/site.mjs';

/** The boats for half a second, as WebM (VP8), recorded by Chromium. */
export async function recordVideo() {
  const [browser, site] = await Promise.all([launchChromium(), startTestSite()]);
  try {
    const { page } = await openSite(browser, site.url);
    const base64 = await page.evaluate(async () => {
      const blob = await recordingOf('fixtures/boats_rgb_320x200.png', 'video/webm;codecs=vp8');
      return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
    });
    return Buffer.from(base64, 'base64');
  } finally {
    await browser.close();
    await site.close();
  }
}
