import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {FolderObjects} from '../../src/objects/folder.js'
import {objectsContract} from './objects.js'

objectsContract('a folder', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'leoma-buckets-'))
  return {
    objects: new FolderObjects({root, bucket: 'samples'}),
    close: () => rm(root, {recursive: true, force: true}),
  }
})
