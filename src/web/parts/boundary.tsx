import {Component, type ComponentChildren} from 'preact'

/** A view that cannot be drawn says so, and leaves the rest of the page alone. */
export class Boundary extends Component<{children: ComponentChildren}, {isBroken: boolean}> {
  override state = {isBroken: false}

  static override getDerivedStateFromError() {
    return {isBroken: true}
  }

  render() {
    if (!this.state.isBroken) return this.props.children
    return (
      <section class="panel" role="alert">
        <h1>This view could not be shown</h1>
        <p>The API answered something that this page does not understand. Loading the page again may help.</p>
        <button type="button" onClick={() => location.reload()}>
          Load again
        </button>
      </section>
    )
  }
}
