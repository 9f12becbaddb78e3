import {z} from 'zod'
import {headerNames} from '../api/signature.js'
import type {Route} from './route.js'

type Json = Record<string, unknown>

/** The document of the API, as JSON text and as a page, made from the same list that the server answers from. */
export function openApi(routes: readonly Route[], version: string): {text: string; page: string} {
  const paths: Record<string, Json> = {}
  for (const route of routes) paths[route.path] = {...paths[route.path], [route.method.toLowerCase()]: operation(route)}
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'leoma owner API',
      version,
      description: `Signed routes take ${Object.values(headerNames).join(', ')}: sr25519 over "<SHA-256 of the body>:<Unix seconds>". A signature is good once for everything but GET.`,
    },
    paths,
    components: {securitySchemes: {signature: {type: 'apiKey', in: 'header', name: headerNames.signature}}},
  }
  return {text: JSON.stringify(document), page: page(routes, version)}
}

function operation(route: Route): Json {
  const signed = route.access !== 'public'
  const parameters = [...fields(route.params, 'path'), ...fields(route.query, 'query')]
  const refusals = {
    ...(parameters.length > 0 || route.body ? {422: refusal('a field is missing or wrong')} : {}),
    ...(signed ? {401: refusal('the signature does not hold')} : {}),
    ...(route.access === 'admin' ? {403: refusal('not an admin')} : {}),
    ...(route.params ? {400: refusal('the address has no SS58 form'), 404: refusal('there is no such thing')} : {}),
    ...(route.body ? {409: refusal('it differs from what was taken in'), 413: refusal('the body is too large')} : {}),
  }
  return {
    summary: route.summary,
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[^a-z_]+/gi, '_').replace(/_$/, '')}`,
    ...(signed ? {security: [{signature: []}]} : {}),
    ...(parameters.length > 0 ? {parameters} : {}),
    ...(route.body
      ? {requestBody: {required: true, content: {'application/json': {schema: schemaOf(route.body, 'request')}}}}
      : {}),
    responses: {
      200: {description: 'done', content: {'application/json': {schema: schemaOf(route.answer, 'answer')}}},
      ...refusals,
    },
  }
}

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
      of ? `<h4>${title}</h4><pre>${escapeHtml(JSON.stringify(schemaOf(of, use), null, 2))}</pre>` : ''
    return `<details><summary><b>${route.method}</b> <code>${route.path}</code> <i>${route.access}</i><br>${escapeHtml(route.summary)}</summary>
${schema('Path', route.params, 'request')}${schema('Query', route.query, 'request')}${schema('Body', route.body, 'request')}${schema('Answer', route.answer, 'answer')}</details>`
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>leoma owner API ${escapeHtml(version)}</title>
<style>
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
details{border-bottom:1px solid #8884;padding:.5rem 0}
summary{cursor:pointer}
i{color:#888;font-size:.85em}
pre{overflow:auto;max-height:24rem;background:#8881;padding:1rem}
</style></head><body>
<h1>leoma owner API ${escapeHtml(version)}</h1>
<p>The same as data: <a href="openapi.json">openapi.json</a>. Routes marked <i>validator</i> or <i>admin</i> take the headers
${Object.values(headerNames)
  .map((name) => `<code>${name}</code>`)
  .join(', ')}: sr25519 over <code>&lt;SHA-256 of the body&gt;:&lt;Unix seconds&gt;</code>.</p>
${rows.join('\n')}
</body></html>
`
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
