import {Agent, setGlobalDispatcher} from 'undici'

// Nothing in the default run may leave this machine: a test that reaches for another host fails and names it.
const loopback = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/
setGlobalDispatcher(
  new Agent().compose((dispatch) => (options, handler) => {
    const host = new URL(String(options.origin)).hostname
    if (!loopback.test(host)) throw new Error(`a test tried to reach ${host}`)
    return dispatch(options, handler)
  }),
)
