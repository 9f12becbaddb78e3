// Bundles the dashboard: files named after their content, compressed once here so that the server never does.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

/** Packages whose code or font is in the bundle; their licences go with it. */
const bundled = [
  'preact',
  'uplot',
  'canonicalize',
  '@scure/sr25519',
  '@scure/base',
  '@noble/curves',
  '@noble/hashes',
  '@fontsource-variable/geist',
]

exports.buildWeb = function buildWeb(src, out) {
  const missing = ['esbuild', ...bundled].filter((name) => !fs.existsSync(folderOf(name)))
  if (missing.length > 0) throw new Error(`the dashboard needs ${missing.join(', ')}: run npm install`)
  const {metafile} = require('esbuild').buildSync({
    absWorkingDir: src,
    entryPoints: ['main.tsx', 'icon.svg'],
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome109', 'firefox115', 'safari16.4'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    entryNames: 'app-[hash]',
    chunkNames: '[name]-[hash]',
    assetNames: '[name]-[hash]',
    loader: {'.woff2': 'file', '.svg': 'copy'},
    metafile: true,
    logLevel: 'warning',
  })
  const built = Object.entries(metafile.outputs)
  const [script, {cssBundle}] = built.find(([, {entryPoint}]) => entryPoint === 'main.tsx')
  const named = (ending) => path.basename(built.map(([name]) => name).find((name) => name.endsWith(ending)))
  const page = fs
    .readFileSync(path.join(src, 'index.html'), 'utf8')
    .replace('SCRIPT', `web/${path.basename(script)}`)
    .replace('STYLE', `web/${path.basename(cssBundle)}`)
    .replace('ICON', `web/${named('.svg')}`)
    .replace('<!-- CHUNKS -->\n', chunksOf(metafile, script).map(preload).join(''))
  fs.writeFileSync(path.join(out, 'index.html'), page)
  fs.writeFileSync(path.join(out, 'licences.txt'), bundled.map(licenceOf).join('\n\n'))
  for (const name of fs.readdirSync(out)) if (/\.(html|js|css|svg|txt)$/.test(name)) compress(path.join(out, name))
}

/** What the first script imports at once, directly or not: the browser would find out only after reading it. */
function chunksOf({outputs}, script, found = new Set()) {
  for (const {path: chunk, kind} of outputs[script].imports) {
    if (kind !== 'import-statement' || found.has(chunk)) continue
    found.add(chunk)
    chunksOf({outputs}, chunk, found)
  }
  return [...found]
}

const preload = (chunk) => `<link rel="modulepreload" href="web/${path.basename(chunk)}">\n`

const folderOf = (name) => path.join(__dirname, '..', 'node_modules', name)

function licenceOf(name) {
  const folder = folderOf(name)
  const file = fs.readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  if (!file) throw new Error(`${name} comes without a licence`)
  return `${name}\n${'='.repeat(name.length)}\n${fs.readFileSync(path.join(folder, file), 'utf8').trim()}`
}

function compress(file) {
  const bytes = fs.readFileSync(file)
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(bytes, {level: 9}))
  const params = {[zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length}
  fs.writeFileSync(`${file}.br`, zlib.brotliCompressSync(bytes, {params}))
}
