// Where a map's points are on the screen.

export interface Point {
  x: number;
  y: number;
}

const MAX_ZOOM = 24;
/** Empty space round the map, in pixels of the screen. */
const MARGIN = 48;

/** Moves and enlarges the unit square that the points lie in. */
export class MapView {
  width = 1;
  height = 1;
  #zoom = 1;
  /** What of the square is in the middle. */
  #center: Point = { x: 0.5, y: 0.5 };

  reset(): void {
    this.#zoom = 1;
    this.#center = { x: 0.5, y: 0.5 };
  }

  get zoom(): number {
    return this.#zoom;
  }

  toScreen({ x, y }: Point): Point {
    return {
      x: this.width / 2 + (x - this.#center.x) * this.#scale.x,
      y: this.height / 2 + (y - this.#center.y) * this.#scale.y,
    };
  }

  /** By pixels of the screen. */
  pan(dx: number, dy: number): void {
    const { x, y } = this.#scale;
    const { x: cx, y: cy } = this.#center;
    this.#center = { x: Math.min(1, Math.max(0, cx - dx / x)), y: Math.min(1, Math.max(0, cy - dy / y)) };
  }

  /** What is at this place of the screen stays there. */
  zoomBy(factor: number, at: Point = { x: this.width / 2, y: this.height / 2 }): void {
    const old = this.#scale;
    this.#zoom = Math.min(MAX_ZOOM, Math.max(1, this.#zoom * factor));
    const now = this.#scale;
    const [dx, dy] = [at.x - this.width / 2, at.y - this.height / 2];
    this.#center = {
      x: Math.min(1, Math.max(0, this.#center.x + dx / old.x - dx / now.x)),
      y: Math.min(1, Math.max(0, this.#center.y + dy / old.y - dy / now.y)),
    };
    if (this.#zoom === 1) this.#center = { x: 0.5, y: 0.5 };
  }

  /** Brings a point into view. */
  reveal(point: Point): void {
    const { x, y } = this.toScreen(point);
    if (x < MARGIN || y < MARGIN || x > this.width - MARGIN || y > this.height - MARGIN) this.#center = point;
  }

  get #scale(): Point {
    return {
      x: Math.max(1, this.width - 2 * MARGIN) * this.#zoom,
      y: Math.max(1, this.height - 2 * MARGIN) * this.#zoom,
    };
  }
}

/** (entries, 2) → points of the unit square, which they fill. */
export function unitPoints(coordinates: Float32Array): Point[] {
  const points = Array.from({ length: coordinates.length / 2 }, (_, i) => ({
    x: coordinates[2 * i] as number,
    y: coordinates[2 * i + 1] as number,
  }));
  const scale = (values: number[]) => {
    const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return (value: number) => (high > low ? (value - low) / (high - low) : 0.5);
  };
  const x = scale(points.map((point) => point.x));
  const y = scale(points.map((point) => point.y));
  return points.map((point) => ({ x: x(point.x), y: y(point.y) }));
}
