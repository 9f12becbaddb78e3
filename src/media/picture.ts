import {open} from 'node:fs/promises'
import type {Structure} from './structure.js'

const signature = '\x89PNG\r\n\x1a\n\0\0\0\rIHDR'

/** A PNG as a video of one frame; undefined when the file is none. Its size is a claim, checked again by the decoder. */
export async function readPicture(file: string): Promise<Structure | undefined> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return undefined
  try {
    const {bytesRead, buffer} = await handle.read(Buffer.alloc(24), 0, 24, 0)
    if (bytesRead < 24 || buffer.toString('latin1', 0, 16) !== signature) return undefined
    const [width, height] = [buffer.readUInt32BE(16), buffer.readUInt32BE(20)]
    const shape = {width, height, rotation: 0, fps: 1, durationS: 1, videoStreams: 1, audioStreams: 0}
    return {info: {container: 'png', codec: 'png', ...shape}, packets: 1}
  } finally {
    await handle.close()
  }
}
