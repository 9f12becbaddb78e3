import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {stripVTControlCharacters} from 'node:util'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import {withDeadline} from '../runtime/deadline.js'
import {plainText} from './answer-text.js'
import {pythonJson} from './chute-template-source.js'
import type {Deployed, Deployment, DeployProgram} from './port.js'

export interface ChutesProgramOptions {
  /** Searched for the program; nothing else of the environment but HOME reaches it, above all no secrets. */
  readonly searchPath: string | undefined
  readonly home: string | undefined
  /** Instead of `~/.chutes/config.ini`. */
  readonly configPath?: string | undefined
  readonly program?: string
}

const deployTimeoutMs = 10 * 60_000
const buildTimeoutMs = 90 * 60_000
const helpTimeoutMs = 60_000
/** Lines that are looked at and kept for the error; the program itself may say as much as it likes. */
const maxLineLength = 2_000

/** The `chutes` program for Python. It exits with 0 on most failures and says so in its log alone. */
export class ChutesProgram implements DeployProgram {
  readonly #options: ChutesProgramOptions

  constructor(options: ChutesProgramOptions) {
    this.#options = options
  }

  async build(reference: string, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    await this.#inFolder('leoma_image.py', imageModule(reference), async (folder) => {
      const args = ['build', 'leoma_image:chute', '--public', '--wait']
      // Two questions: whether to show the rest of the context, and whether to go on.
      await this.#run(args, {folder, input: 'y\ny\n', timeoutMs: buildTimeoutMs, onLine}, signal)
    })
  }

  async deploy(deployment: Deployment, onLine: (line: string) => void, signal: AbortSignal): Promise<Deployed> {
    const lines = await this.#inFolder(deployment.filename, deployment.code, (folder) => {
      const args = ['deploy', `${path.parse(deployment.filename).name}:chute`, '--accept-fee']
      return this.#run(args, {folder, input: 'y\n', timeoutMs: deployTimeoutMs, onLine}, signal)
    })
    const told = lines.map((line) => /chute_id='([0-9a-f-]{36})'.*?version='?([0-9a-f-]{36})/.exec(line)).find(Boolean)
    const [, chuteId, version] = told ?? []
    if (chuteId && version) return {chuteId, version, existed: false}
    throw failed('deploy', 'it did not say which chute it deployed')
  }

  async #inFolder<T>(file: string, code: string, work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(path.join(tmpdir(), 'leoma-chute-'))
    try {
      await writeFile(path.join(folder, file), code)
      return await work(folder)
    } finally {
      await rm(folder, {recursive: true, force: true})
    }
  }

  async #run(
    args: readonly string[],
    given: {folder: string; input: string; timeoutMs: number; onLine: (line: string) => void},
    signal: AbortSignal,
  ): Promise<string[]> {
    // Found on the path is not enough: a version manager's shim is there for programs that are not.
    const help = await this.#start(
      ['--help'],
      {...given, input: '', timeoutMs: helpTimeoutMs, onLine: () => {}},
      signal,
    )
    if (help.exitCode !== 0) throw missing()
    const {exitCode, lines} = await this.#start(args, given, signal)
    const error = lines.find((line) => /\|\s*(ERROR|CRITICAL)\s*\|/.test(line))
    if (error) throw failed(args[0] ?? '', plainText(error.replace(/^.*?\|\s*(ERROR|CRITICAL)\s*\|\s*/, '')))
    if (exitCode !== 0) throw failed(args[0] ?? '', plainText(lines.at(-1) ?? `exit code ${exitCode}`))
    return lines
  }

  async #start(
    args: readonly string[],
    {
      folder,
      input,
      timeoutMs,
      onLine,
    }: {folder: string; input: string; timeoutMs: number; onLine: (line: string) => void},
    signal: AbortSignal,
  ): Promise<{exitCode: number; lines: string[]}> {
    const {searchPath = '', home = '', configPath, program = 'chutes'} = this.#options
    return withDeadline(`chutes ${args[0]}`, timeoutMs, signal, async (inner) => {
      const child = execa(program, args, {
        cwd: folder,
        input,
        env: {PATH: searchPath, HOME: home, ...(configPath ? {CHUTES_CONFIG_PATH: configPath} : {})},
        extendEnv: false,
        all: true,
        buffer: false,
        reject: false,
        cancelSignal: inner,
        forceKillAfterDelay: 5_000,
      })
      const lines: string[] = []
      for await (const raw of child.iterable({from: 'all'})) {
        const text = stripVTControlCharacters(raw).slice(0, maxLineLength)
        lines.push(text)
        if (lines.length > 10_000) lines.splice(0, 5_000)
        onLine(text)
      }
      const {exitCode, code} = await child
      inner.throwIfAborted()
      if (code === 'ENOENT') throw missing()
      return {exitCode: exitCode ?? 1, lines}
    })
  }
}

function missing(): LeomaError {
  return new LeomaError('config', 'CHUTES_PROGRAM_MISSING', 'the Chutes program for Python does not run here', {
    hints: [
      'install Python 3.10 or newer, then pipx install chutes and chutes register',
      'or leave out --via cli and --build-image: everything else goes over HTTP with CHUTES_API_KEY',
    ],
  })
}

function failed(what: string, why: string): LeomaError {
  return new LeomaError('upstream', 'CHUTES_PROGRAM_FAILED', `chutes ${what} failed: ${why}`, {
    retryable: false,
    hints: ['it signs with the hotkey in ~/.chutes/config.ini (CHUTES_CONFIG_PATH), not with CHUTES_API_KEY'],
  })
}

/** What the published template imports, on the provider's own Python image. */
function imageModule(reference: string): string {
  const [username = '', rest = ''] = reference.split('/')
  const [name = '', tag = ''] = rest.split(':')
  return `"""The image that video models of the subnet run on. Made by "leoma miner push --build-image"."""

import json

from chutes.chute import Chute, NodeSelector
from chutes.image import Image

SETTINGS = ${pythonJson({username, name, tag})}

image = (
    Image(username=SETTINGS["username"], name=SETTINGS["name"], tag=SETTINGS["tag"], readme="Video models")
    .from_base("parachutes/python:3.12")
    .run_command(
        "pip install --no-cache-dir torch diffusers transformers accelerate safetensors"
        " sentencepiece ftfy pillow imageio imageio-ffmpeg"
    )
)

chute = Chute(
    username=SETTINGS["username"],
    name=SETTINGS["name"],
    image=image,
    node_selector=NodeSelector(gpu_count=1, min_vram_gb_per_gpu=80),
)
`
}
