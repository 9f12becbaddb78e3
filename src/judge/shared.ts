/** Results that several ask for at once and that one works for: the last few are kept by their key. */
export class Shared<T> {
  readonly #kept: number
  readonly #byKey = new Map<string, Promise<T>>()

  constructor(kept: number) {
    this.#kept = kept
  }

  /**
   * What `load` gave for this key, or gives now. Whoever loads may be stopped, which is no reason for those who wait for
   * it to be: the next of them then loads, and the others go on waiting. `signal` is that of this caller and its `load`.
   */
  async get(key: string, load: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let known = this.#byKey.get(key); known; known = this.#byKey.get(key)) {
      try {
        return await known
      } catch {
        signal.throwIfAborted()
        this.#forget(key, known)
      }
    }
    const loading = load()
    this.#byKey.set(key, loading)
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= this.#kept) break
      this.#byKey.delete(oldest)
    }
    try {
      return await loading
    } catch (error) {
      this.#forget(key, loading)
      throw error
    }
  }

  #forget(key: string, failed: Promise<T>): void {
    if (this.#byKey.get(key) === failed) this.#byKey.delete(key)
  }
}
