/**
 * Runs `work` under a signal that aborts when `signal` does, or when the work calls `stop` with a reason. When the work
 * has ended, nothing ties it to `signal` any more. With `AbortSignal.any` something would: Node keeps what that makes
 * alive for as long as anybody listens to it, and with it all that the listeners hold, such as a request and its body.
 */
export async function withStop<T>(
  signal: AbortSignal,
  work: (inner: AbortSignal, stop: (reason: unknown) => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const follow = () => controller.abort(signal.reason)
  if (signal.aborted) follow()
  else signal.addEventListener('abort', follow, {once: true})
  try {
    return await work(controller.signal, (reason) => controller.abort(reason))
  } finally {
    signal.removeEventListener('abort', follow)
  }
}
