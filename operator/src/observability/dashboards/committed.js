// JavaScript beside a hand-written declaration, so that the type checker doesn't infer a type for every value of these files.
import events from '../../../../config/dashboards/collabeditor-events.json' with { type: 'json' };
import operator from '../../../../config/dashboards/collabeditor-operator.json' with { type: 'json' };
import overview from '../../../../config/dashboards/collabeditor-overview.json' with { type: 'json' };
import realtime from '../../../../config/dashboards/collabeditor-realtime.json' with { type: 'json' };
import stores from '../../../../config/dashboards/collabeditor-stores.json' with { type: 'json' };

export const committed = [overview, realtime, events, stores, operator];
