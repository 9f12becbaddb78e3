import {useState} from 'preact/hooks'

/** A picture of a task; in words where the owner no longer has it. */
export function Picture({src, alt, isLazy = false}: {src: string; alt: string; isLazy?: boolean}) {
  const [broken, setBroken] = useState('')
  if (broken === src) return <div class="no-media">No picture here: it is gone, or the API does not answer.</div>
  return (
    <img
      src={src}
      width="832"
      height="480"
      alt={alt}
      {...(isLazy && {loading: 'lazy'})}
      onError={() => setBroken(src)}
    />
  )
}
