/** A camera that cannot be used, in words that say what to do; `cause` is the browser's own error. */
export class CameraError extends Error {}

const REASONS: Record<string, string> = {
  NotAllowedError:
    'The camera was refused. Allow it for this page, mostly at the icon beside the address, and start it again.',
  NotFoundError: 'This device has no camera, or none that the browser can see. Photos work without one.',
  NotReadableError:
    'The camera is there but gives no picture: another program may be using it. Close that one.',
  AbortError: 'The camera stopped while it was starting. Start it again.',
  OverconstrainedError: 'That camera is gone. Choose another one.',
};

/** The camera's picture in a `<video>`. */
export class Webcam {
  #video: HTMLVideoElement;
  #stream: MediaStream | undefined;
  #onEnd: () => void;
  #starting = 0;

  /** @param onEnd - the camera went away by itself: unplugged, or taken back by the visitor */
  constructor(video: HTMLVideoElement, onEnd: () => void) {
    this.#video = video;
    this.#onEnd = onEnd;
  }

  get running(): boolean {
    return this.#stream !== undefined;
  }

  /** Whether it looks at the visitor, who then expects a mirror. */
  get mirrored(): boolean {
    return this.#settings?.facingMode !== 'environment';
  }

  get device(): string | undefined {
    return this.#settings?.deviceId;
  }

  /** @returns false where it was stopped meanwhile @throws {@link CameraError} */
  async start(device?: string): Promise<boolean> {
    this.stop();
    const start = ++this.#starting;
    // Not there on pages that came over plain HTTP.
    if (!navigator.mediaDevices?.getUserMedia)
      throw new CameraError('The browser gives the camera to pages on https or localhost only.');
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: {
          width: { ideal: 640 },
          height: { ideal: 480 },
          ...(device && { deviceId: { exact: device } }),
        },
      });
      if (start !== this.#starting) return end(stream);
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (cause) {
      if (start !== this.#starting) return false;
      this.stop();
      const { name, message } = cause as Error;
      throw new CameraError(REASONS[name] ?? `The camera does not work: ${message}`, { cause });
    }
    if (start !== this.#starting) return end(stream);
    for (const track of stream.getTracks()) track.addEventListener('ended', () => this.#ended(stream));
    this.#stream = stream;
    return true;
  }

  stop(): void {
    this.#starting++;
    end(this.#video.srcObject as MediaStream | null);
    this.#video.srcObject = null;
    this.#stream = undefined;
  }

  /** The cameras to choose from; their names are known once one was allowed. */
  async devices(): Promise<MediaDeviceInfo[]> {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter(({ kind }) => kind === 'videoinput');
  }

  /** Resolves when there is a new picture; none come while the page is hidden. */
  nextFrame(): Promise<unknown> {
    const video = this.#video;
    return new Promise((done) => {
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(done);
      else requestAnimationFrame(done);
    });
  }

  #ended(stream: MediaStream): void {
    if (stream !== this.#stream) return;
    this.stop();
    this.#onEnd();
  }

  get #settings(): MediaTrackSettings | undefined {
    return this.#stream?.getVideoTracks()[0]?.getSettings();
  }
}

function end(stream: MediaStream | null): false {
  for (const track of stream?.getTracks() ?? []) track.stop();
  return false;
}

// The rate is that of so many frames.
const FRAMES = 20;

/** How fast frames are worked off. */
export class Rate {
  #ends: number[] = [];
  /** What a frame takes, the last ones counting most. */
  milliseconds = 0;

  count(start: number, end: number): void {
    this.milliseconds = this.milliseconds ? 0.8 * this.milliseconds + 0.2 * (end - start) : end - start;
    this.#ends.push(end);
    if (this.#ends.length > FRAMES) this.#ends.shift();
  }

  get known(): boolean {
    return this.#ends.length > 1;
  }

  get perSecond(): number {
    const [first, last] = [this.#ends[0], this.#ends.at(-1)];
    return this.known ? (1000 * (this.#ends.length - 1)) / ((last as number) - (first as number)) : 0;
  }
}
