import {z} from 'zod'
import {headerNames, nonceHeader, offerHeader, versionHeader} from '../api/signature.js'
import {callHeaders} from '../domain/signed-call.js'
import type {Route} from './route.js'

type Json = Record<string, unknown>

/** The document of the API, as JSON text and as a page, made from the same list that the server answers from. */
export function openApi(routes: readonly Route[], version: string): {text: string; page: string} {
  const paths: Record<string, Json> = {}
  for (const route of routes) paths[route.path] = {...paths[route.path], [route.method.toLowerCase()]: operation(route)}
  const document = {
    openapi: '3.1.0',
    info: {title: 'leoma owner API', version, description: signatures.join('\n\n')},
    paths,
    components: {
      securitySchemes: Object.fromEntries(
        Object.entries({...headerNames, nonce: nonceHeader, version: versionHeader, caller: callHeaders.hotkey}).map(
          ([name, header]) => [name, {type: 'apiKey', in: 'header', name: header}],
        ),
      ),
    },
  }
  return {text: JSON.stringify(document), page: page(routes, version)}
}

/** How a caller says who it is; the document and the page have the same words. */
const signatures = [
  `Signed routes take the headers ${[...Object.values(headerNames), nonceHeader, versionHeader].join(', ')}. Every answer says in ${offerHeader} which versions the server takes.`,
  'Version 2 (`X-Signature-Version: 2`): sr25519, or ed25519 for hotkeys of that kind, over these lines joined by a line feed: `leoma:request:v2`, the subnet number, the method in capitals, path and query exactly as in the request line, the SHA-256 of the body in lower-case hex, the Unix time in seconds, a nonce of 16 to 64 letters, digits, `_` and `-`, and the hotkey. Each nonce of a hotkey is good once.',
  'Version 1, the published one (no version header, no nonce): sr25519 over `<SHA-256 of the body>:<Unix time in seconds>`. Each signature is good once, except that one of a GET may read again; a request that changes something without a body needs version 2.',
  `Routes of access \`call\` take ${Object.values(callHeaders).join(', ')}: sr25519 over \`<Bytes>path:time:hotkey</Bytes>\`, or, with a nonce, over \`<Bytes>\`, these lines joined by a line feed, \`</Bytes>\`: \`leoma:call:v2\`, method, path and query, SHA-256 of the body, time, nonce, hotkey.`,
  'Both may be wrapped in `<Bytes>…</Bytes>`, as browser wallets do.',
]

function operation(route: Route): Json {
  const signed = route.access !== 'public'
  const parameters = [...fields(route.params, 'path'), ...fields(route.query, 'query')]
  const aboutHotkey = parameters.some(({name}) => String(name).includes('hotkey'))
  const refusals = {
    ...(route.keep ? {304: {description: 'the same as `If-None-Match` names'}} : {}),
    ...(aboutHotkey || route.body ? {400: refusal('the address has no SS58 form, or the batch is too large')} : {}),
    ...(signed ? {401: refusal('the signature does not hold, or its hotkey is not registered')} : {}),
    ...(route.access === 'admin' ? {403: refusal('not an admin')} : {}),
    ...(route.access === 'call' ? {403: refusal('this hotkey may not')} : {}),
    ...(route.params || route.keep ? {404: refusal('there is no such thing, or none yet')} : {}),
    ...(route.body ? {409: refusal('it differs from what was taken in'), 413: refusal('the body is too large')} : {}),
    ...(parameters.length > 0 || signed ? {422: refusal('a header or a field is missing or wrong')} : {}),
    429: refusal('too many requests of this address or hotkey; Retry-After says when'),
    ...(route.mayBeDown
      ? {503: {description: 'not now', content: {'application/json': {schema: schemaOf(route.answer, 'answer')}}}}
      : {}),
  }
  return {
    summary: route.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[^a-z_]+/gi, '_').replace(/_$/, '')}`,
    ...(signed ? {security: route.access === 'call' ? callSecurities : securities} : {}),
    ...(parameters.length > 0 ? {parameters} : {}),
    ...(route.body
      ? {requestBody: {required: true, content: {'application/json': {schema: schemaOf(route.body, 'request')}}}}
      : {}),
    responses: {
      200: {
        description: 'done',
        content: {[route.contentType ?? 'application/json']: {schema: schemaOf(route.answer, 'answer')}},
      },
      ...refusals,
    },
  }
}

/** Either version. */
const securities = [
  {hotkey: [], signature: [], timestamp: [], nonce: [], version: []},
  {hotkey: [], signature: [], timestamp: []},
]

const callSecurities = [
  {caller: [], signature: [], timestamp: [], nonce: []},
  {caller: [], signature: [], timestamp: []},
]

const refusal = (description: string) => ({
  description,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        properties: {detail: {anyOf: [{type: 'string'}, {type: 'array', items: {type: 'object'}}]}},
        required: ['detail'],
      },
    },
  },
})

function fields(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!schema) return []
  const {properties = {}, required = []} = schemaOf(schema, 'request') as {
    properties?: Record<string, Json>
    required?: string[]
  } // Parameters are objects of scalars.
  return Object.entries(properties).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: of,
  }))
}

/** Always what a schema gives, because what it accepts includes published leniencies that nobody should start to use. */
function schemaOf(schema: z.ZodType, use: 'request' | 'answer'): Json {
  const {$schema: _, ...json} = z.toJSONSchema(schema, {
    io: 'output',
    unrepresentable: 'any',
    override: ({zodSchema, jsonSchema}) => {
      // Unknown fields are ignored in requests, and readers of an answer must live with those of a later version.
      if (!isStrict(zodSchema) || use === 'answer') delete jsonSchema.additionalProperties
      const {properties, required} = jsonSchema
      if (use === 'answer' || !properties || !required) return
      // A field with a default is always there afterwards, but nobody has to send it.
      jsonSchema.required = required.filter((name) => {
        const property = properties[name]
        return typeof property !== 'object' || !('default' in property)
      })
    },
  })
  return json
}

function isStrict({_zod}: z.core.$ZodTypes): boolean {
  const {def} = _zod
  return def.type === 'object' && def.catchall?._zod.def.type === 'never'
}

function page(routes: readonly Route[], version: string): string {
  const rows = routes.map((route) => {
    const schema = (title: string, of: z.ZodType | undefined, use: 'request' | 'answer') =>
      of
        ? `<h2>${title}</h2><pre tabindex="0" role="region" aria-label="${title} of ${route.method} ${route.path}">${escapeHtml(JSON.stringify(schemaOf(of, use), null, 2))}</pre>`
        : ''
    return `<details><summary><b>${route.method}</b> <code>${route.path}</code> <i>${route.access}</i><br>${escapeHtml(route.summary)}</summary>
${schema('Path', route.params, 'request')}${schema('Query', route.query, 'request')}${schema('Body', route.body, 'request')}${schema('Answer', route.answer, 'answer')}</details>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>leoma owner API ${escapeHtml(version)}</title>
<style>
:root{color-scheme:light dark;font:16px/1.55 system-ui,sans-serif;--ink:#1b1c1f;--soft:#5b5d63;--ground:#f6f5f2;--raised:#fff;--line:#d9d8d3;--link:#2b4bd1}
@media (prefers-color-scheme:dark){:root{--ink:#ecedf0;--soft:#a3a6ae;--ground:#0f1115;--raised:#171a20;--line:#2d313a;--link:#9fb0ff}}
body{margin:0;background:var(--ground);color:var(--ink)}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
a{color:var(--link)}
h1{font-size:1.6rem;letter-spacing:-.02em}
h2{font-size:1rem;margin:1rem 0 .4rem}
details{border-bottom:1px solid var(--line);padding:.6rem 0}
summary{cursor:pointer}
i{color:var(--soft);font-size:.85em}
pre{overflow:auto;max-height:24rem;margin:0;border:1px solid var(--line);border-radius:8px;background:var(--raised);padding:1rem;font-size:.875rem;overflow-wrap:normal}
</style></head><body><main>
<p><a href="./">← the dashboard</a></p>
<h1>leoma owner API ${escapeHtml(version)}</h1>
<p>The same as data: <a href="openapi.json">openapi.json</a>. For machines that watch: <a href="metrics">metrics</a>.</p>
${signatures.map((text) => `<p>${escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')}</p>`).join('\n')}
${rows.join('\n')}
</main></body></html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
