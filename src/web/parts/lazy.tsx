import type {ComponentType} from 'preact'
import {useEffect, useState} from 'preact/hooks'

/**
 * A view whose code is loaded when it is first shown: whoever opens the page waits for one view, not for all of them. Code
 * that does not come is asked for again with the next showing.
 */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let known: ComponentType<P> | undefined
  return (props) => {
    const [state, set] = useState<'loading' | 'here' | 'failed'>(known ? 'here' : 'loading')
    useEffect(() => {
      if (known) return
      load().then(
        (view) => {
          known = view
          set('here')
        },
        () => set('failed'),
      )
    }, [])
    const View = known
    if (View) return <View {...props} />
    if (state === 'failed')
      return (
        <p class="notice bad" role="status">
          This view could not be loaded.{' '}
          <button type="button" onClick={() => location.reload()}>
            Load the page again
          </button>
        </p>
      )
    return <p class="quiet waiting">Loading …</p>
  }
}
