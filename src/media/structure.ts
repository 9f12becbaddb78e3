import {open} from 'node:fs/promises'
import type {InputVideoTrack} from 'mediabunny'
import type {Container} from './container.js'
import type {VideoInfo} from './port.js'

/** What the file's tables say. `packets` is a claim like the rest, absent when there are too many to walk. */
export interface Structure {
  readonly info: VideoInfo
  readonly packets: number | undefined
}

/** Bytes of the file that may be read for its tables: an index of hours of video is a few megabytes. */
const MAX_READ_BYTES = 48 * 1024 * 1024
/** A claim of more is not walked: four bytes in a header can claim four thousand million. */
const MAX_PACKETS = 20_000

const codecNames: Readonly<Record<string, string>> = {avc: 'h264'}

/**
 * Reads the file's structure without starting a process: tables only, a bounded number of bytes. Undefined when this
 * reader has no answer (avi, an unusual codec, damaged tables); ffmpeg is asked then, so nothing here accuses a file.
 */
export async function readStructure(file: string, container: Container): Promise<Structure | undefined> {
  if (container.demuxer === 'avi') return undefined
  const {CustomSource, Input, Logging, LogLevel, MATROSKA, MP4, QTFF, WEBM} = await import('mediabunny')
  // It would warn of odd files on the console, which is not ours to write on.
  Logging.level = LogLevel.Silent
  const handle = await open(file, 'r')
  try {
    const {size} = await handle.stat()
    let budget = MAX_READ_BYTES
    const source = new CustomSource({
      getSize: () => size,
      read: async (start, end) => {
        budget -= end - start
        if (budget < 0) throw new Error('too much to read')
        const {buffer, bytesRead} = await handle.read(new Uint8Array(end - start), 0, end - start, start)
        if (bytesRead < end - start) throw new Error('the file became shorter')
        return buffer
      },
      prefetchProfile: 'fileSystem',
      handleUnhandledError: () => undefined,
    })
    const input = new Input({formats: [MP4, QTFF, MATROSKA, WEBM], source})
    try {
      const [tracks, video] = await Promise.all([input.getTracks(), input.getPrimaryVideoTrack()])
      if (!video) return undefined
      return await describe(video, container, {
        videoStreams: tracks.filter((track) => track.type === 'video').length,
        audioStreams: tracks.filter((track) => track.type === 'audio').length,
      })
    } finally {
      input.dispose()
    }
  } catch {
    return undefined
  } finally {
    await handle.close()
  }
}

async function describe(
  track: InputVideoTrack,
  container: Container,
  streams: {videoStreams: number; audioStreams: number},
): Promise<Structure | undefined> {
  const codec = await track.getCodec()
  if (codec === null) return undefined
  const timing = await walkPackets(track)
  if (!timing) return undefined
  const info: VideoInfo = {
    container: container.name,
    codec: codecNames[codec] ?? codec,
    width: await track.getCodedWidth(),
    height: await track.getCodedHeight(),
    rotation: await track.getRotation(),
    fps: timing.fps,
    durationS: timing.durationS,
    ...streams,
  }
  return {info, packets: timing.packets}
}

/** Counts packets and adds up their time; past the limit, the rate of the first ones and the header's duration stand. */
async function walkPackets(
  track: InputVideoTrack,
): Promise<{packets: number | undefined; fps: number; durationS: number} | undefined> {
  const {EncodedPacketSink} = await import('mediabunny')
  let count = 0
  let start = Number.POSITIVE_INFINITY
  let end = Number.NEGATIVE_INFINITY
  for await (const packet of new EncodedPacketSink(track).packets(undefined, undefined, {metadataOnly: true})) {
    count++
    start = Math.min(start, packet.timestamp)
    end = Math.max(end, packet.timestamp + packet.duration)
    if (count >= MAX_PACKETS) break
  }
  const walkedS = end - start
  if (count === 0 || !(walkedS > 0) || !Number.isFinite(walkedS)) return undefined
  const fps = count / walkedS
  if (count < MAX_PACKETS) return {packets: count, fps, durationS: walkedS}
  const stated = await track.getDurationFromMetadata()
  const durationS = stated && Number.isFinite(stated) && stated > walkedS ? stated : walkedS
  return {packets: undefined, fps, durationS}
}
