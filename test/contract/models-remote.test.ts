import {sha256} from '../../src/domain/canonical.js'
import {Chutes} from '../../src/models/chutes.js'
import {HuggingFace} from '../../src/models/hugging-face.js'
import {RemoteModels} from '../../src/models/remote.js'
import {systemTime} from '../../src/runtime/clock.js'
import {ChutesServer} from '../fakes/chutes-server.js'
import {HuggingFaceServer} from '../fakes/hugging-face-server.js'
import {status} from '../fakes/provider-server.js'
import {modelsContract} from './models.js'

modelsContract('Chutes and Hugging Face over HTTP', async () => {
  const [chutes, hub] = await Promise.all([ChutesServer.start(), HuggingFaceServer.start()])
  chutes.addUser('subnet', 'cpk_subnet')
  const options = {time: systemTime(), firstPauseMs: 1, timeoutMs: 2_000}
  const models = new RemoteModels({
    chutes: new Chutes({url: chutes.url, invokeUrl: chutes.invokeUrl, apiKey: 'cpk_subnet', ...options}),
    huggingFace: new HuggingFace({url: hub.url, ...options}),
  })
  return {
    models,
    addChute: ({chuteId, hot, revision}) => {
      const {slug} = chutes.addChute('alice', 'model', {
        chute_id: chuteId,
        hot,
        revision,
        sharedWith: new Set(['subnet']),
      })
      return {slug, endpoint: `${chutes.url}/chute/${slug}`}
    },
    addModel: ({name, sha, refs, isPublic, files}) => {
      hub.repositories.set(name, {
        sha,
        refs,
        gated: isPublic ? false : 'auto',
        files: files.map(({path, content, sizeBytes}) => ({path, size: sizeBytes, sha256: sha256(content)})),
      })
    },
    breakDown: () => {
      chutes.fault('/', status(500))
      hub.fault('/', status(500))
    },
    mend: () => {
      chutes.mend()
      hub.mend()
    },
    close: async () => {
      await Promise.all([chutes.close(), hub.close()])
    },
  }
})
