/** Videos that play in step: one of them keeps the time, the others are set right when they drift. */

/** Two frames of a 16 fps video: less than an eye sees, more than a decoder wanders. */
const driftS = 0.125

export interface PlayState {
  readonly isPlaying: boolean
  /** In seconds, from the beginning. */
  readonly at: number
  readonly length: number
}

export class Together {
  readonly #videos = new Map<string, HTMLVideoElement>()
  readonly #onState: (state: PlayState) => void
  #isPlaying = false
  #at = 0
  #rate = 1
  #frame: number | undefined
  #lastTick = 0

  constructor(onState: (state: PlayState) => void) {
    this.#onState = onState
  }

  /** Takes a video in, or out when `video` is null. A new one joins where the others are. */
  set(name: string, video: HTMLVideoElement | null): void {
    if (!video) {
      this.#videos.delete(name)
      return
    }
    if (this.#videos.get(name) === video) return
    this.#videos.set(name, video)
    video.addEventListener('loadedmetadata', () => {
      this.#place(video)
      this.#tell()
    })
  }

  get length(): number {
    const lengths = [...this.#videos.values()]
      .map(({duration}) => duration)
      .filter((duration) => Number.isFinite(duration))
    return lengths.length === 0 ? 0 : Math.max(...lengths)
  }

  toggle(): void {
    if (this.#isPlaying) this.pause()
    else this.play()
  }

  play(): void {
    if (this.#at >= this.length - 0.02) this.#at = 0
    this.#isPlaying = true
    for (const video of this.#videos.values()) this.#place(video)
    this.#lastTick = performance.now()
    this.#frame = requestAnimationFrame((time) => this.#tick(time))
    this.#tell()
  }

  pause(): void {
    this.#isPlaying = false
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    for (const video of this.#videos.values()) video.pause()
    for (const video of this.#videos.values()) this.#place(video)
    this.#tell()
  }

  /** To a moment, in seconds; goes on playing if it was. */
  seek(at: number): void {
    this.#at = Math.min(Math.max(0, at), this.length)
    for (const video of this.#videos.values()) this.#place(video)
    this.#tell()
  }

  step(seconds: number): void {
    if (this.#isPlaying) this.pause()
    this.seek(this.#at + seconds)
  }

  setRate(rate: number): void {
    this.#rate = rate
    for (const video of this.#videos.values()) video.playbackRate = rate
  }

  close(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
    this.#videos.clear()
  }

  #tick(time: number): void {
    if (!this.#isPlaying) return
    // The wall clock leads: a video that stalls must not hold up the others, and catches up with them.
    this.#at += ((time - this.#lastTick) / 1000) * this.#rate
    this.#lastTick = time
    if (this.#at >= this.length) this.#at = 0
    for (const video of this.#videos.values()) this.#place(video)
    this.#tell()
    this.#frame = requestAnimationFrame((next) => this.#tick(next))
  }

  /** Where this video should be: a shorter one waits at its last frame. */
  #place(video: HTMLVideoElement): void {
    if (!Number.isFinite(video.duration)) return
    const wanted = Math.min(this.#at, Math.max(0, video.duration - 0.01))
    const isOver = this.#at >= video.duration
    if (Math.abs(video.currentTime - wanted) > (this.#isPlaying && !isOver ? driftS : 0.01)) video.currentTime = wanted
    if (this.#isPlaying && !isOver) {
      video.playbackRate = this.#rate
      // A browser may refuse to play what has not been clicked on; it stays scrubbable.
      if (video.paused) void video.play().catch(() => undefined)
    } else if (!video.paused) {
      video.pause()
    }
  }

  #tell(): void {
    this.#onState({isPlaying: this.#isPlaying, at: this.#at, length: this.length})
  }
}
