import { run } from '@collabeditor/kit';
import { definition } from './definition.ts';

await run(definition);
