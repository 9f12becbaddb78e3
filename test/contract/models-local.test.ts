import {readFileSync, writeFileSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {sha256} from '../../src/domain/canonical.js'
import {LocalModels} from '../../src/models/local.js'
import {modelsContract} from './models.js'

modelsContract('registry of this machine', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leoma-models-'))
  const file = path.join(folder, 'models.json')
  let whole = ''
  return {
    models: new LocalModels({path: file}),
    addChute: (chute) => {
      const place = {slug: 'alice-model', endpoint: 'http://127.0.0.1:9999'}
      LocalModels.register(file, {chutes: [{...chute, ...place}]})
      return place
    },
    addModel: ({files, refs, ...model}) => {
      const weights = files.map(({content, ...rest}) => ({...rest, sha256: sha256(content)}))
      LocalModels.register(file, {models: [{...model, refs: [...refs], weights}]})
    },
    breakDown: () => {
      whole = readFileSync(file, 'utf8')
      writeFileSync(file, whole.slice(0, 10))
    },
    mend: () => writeFileSync(file, whole),
    close: () => rm(folder, {recursive: true, force: true}),
  }
})
