"""The kinds of objects that stand outside of schemas or span several kinds, as ``postgres_definitions`` has the others.

Rows of the statements are the same. Owners and grants are compared only where a restore kept them.
"""

import re
from collections.abc import Callable

from opsloop.adapters.postgres_definitions import COMMON, with_options

# 16384 is the first number that is not built in: what initdb made is no dump's affair.
_OWN = re.compile(r"own\((\w+), (\w+)\)")
_IS_OWN = r"""(\2.oid >= 16384
    AND NOT EXISTS (SELECT FROM theirs WHERE classid = '\1'::regclass AND objid = \2.oid))"""


EXTENSIONS = """SELECT ARRAY[extname], '', 'in ' || quote_ident(nspname), NULL
  FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql'"""

OPERATORS = """SELECT ARRAY[]::text[], 'operator ' || o.oid::regoperator::text, concat_ws(' ',
    oprcode::text,
    'commutator ' || nullif(oprcom, 0)::regoperator::text, 'negator ' || nullif(oprnegate, 0)::regoperator::text,
    CASE WHEN oprcanmerge THEN 'merges' END, CASE WHEN oprcanhash THEN 'hashes' END, nullif(oprrest::text, '-'),
    nullif(oprjoin::text, '-')), NULL
  FROM pg_operator o JOIN mine ON mine.oid = oprnamespace WHERE own(pg_operator, o)
UNION ALL
SELECT ARRAY[nspname, opcname, amname], '', concat_ws(' ', 'operator class for', format_type(opcintype, NULL),
    CASE WHEN opcdefault THEN 'default' END, format_type(nullif(opckeytype, 0), NULL)), NULL
  FROM pg_opclass o JOIN mine ON mine.oid = opcnamespace JOIN pg_am a ON a.oid = opcmethod
 WHERE own(pg_opclass, o)
UNION ALL
SELECT ARRAY[nspname, opfname, amname], ' family', concat_ws('; ',
    (SELECT string_agg(amopopr::regoperator || ' ' || amopstrategy, ', '
        ORDER BY amopopr::regoperator::text COLLATE "C")
       FROM pg_amop WHERE amopfamily = o.oid),
    (SELECT string_agg(amproc::regprocedure || ' ' || amprocnum, ', '
        ORDER BY amproc::regprocedure::text COLLATE "C")
       FROM pg_amproc WHERE amprocfamily = o.oid)), NULL
  FROM pg_opfamily o JOIN mine ON mine.oid = opfnamespace JOIN pg_am a ON a.oid = opfmethod
 WHERE own(pg_opfamily, o)"""

# An ICU or libc version is the machine's own; the locale is the collation's.
COLLATIONS = """SELECT ARRAY[nspname, collname], '', concat_ws(' ', collprovider::text, collcollate, collctype,
    {locale} CASE WHEN NOT collisdeterministic THEN 'not deterministic' END), NULL
  FROM pg_collation c JOIN mine ON mine.oid = collnamespace WHERE own(pg_collation, c)
UNION ALL
SELECT ARRAY[nspname, conname], '', concat_ws(' ', 'conversion', pg_encoding_to_char(conforencoding),
    pg_encoding_to_char(contoencoding), conproc::text, CASE WHEN condefault THEN 'default' END), NULL
  FROM pg_conversion c JOIN mine ON mine.oid = connamespace WHERE own(pg_conversion, c)"""

TEXT_SEARCH = """SELECT ARRAY[nspname, cfgname], '', concat_ws(' ', 'configuration', (SELECT prsname FROM pg_ts_parser
     WHERE oid = cfgparser), (SELECT string_agg(concat_ws(' ', maptokentype, mapseqno, mapdict::regdictionary::text),
       ', ' ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map WHERE mapcfg = c.oid)), NULL
  FROM pg_ts_config c JOIN mine ON mine.oid = cfgnamespace WHERE own(pg_ts_config, c)
UNION ALL
SELECT ARRAY[nspname, dictname], '', concat_ws(' ', 'dictionary', (SELECT tmplname FROM pg_ts_template
     WHERE oid = dicttemplate), dictinitoption), NULL
  FROM pg_ts_dict d JOIN mine ON mine.oid = dictnamespace WHERE own(pg_ts_dict, d)
UNION ALL
SELECT ARRAY[nspname, prsname], '', concat_ws(' ', 'parser', prsstart, prstoken, prsend, prsheadline, prslextype), NULL
  FROM pg_ts_parser p JOIN mine ON mine.oid = prsnamespace WHERE own(pg_ts_parser, p)
UNION ALL
SELECT ARRAY[nspname, tmplname], '', concat_ws(' ', 'template', tmplinit, tmpllexize), NULL
  FROM pg_ts_template t JOIN mine ON mine.oid = tmplnamespace WHERE own(pg_ts_template, t)"""

CASTS = """SELECT ARRAY[]::text[], 'cast ' || format_type(castsource, NULL) || ' as ' || format_type(casttarget, NULL),
    concat_ws(' ', nullif(castfunc, 0)::regprocedure::text, castcontext::text, castmethod::text), NULL
  FROM pg_cast c WHERE own(pg_cast, c)
UNION ALL
SELECT ARRAY[]::text[], 'transform ' || format_type(trftype, NULL) || ' ' || quote_ident(lanname),
    concat_ws(' ', trffromsql, trftosql), NULL
  FROM pg_transform t JOIN pg_language l ON l.oid = trflang WHERE own(pg_transform, t)
UNION ALL
SELECT ARRAY['language', lanname], '', concat_ws(' ', CASE WHEN lanpltrusted THEN 'trusted' END,
    nullif(lanplcallfoid, 0)::regprocedure::text), NULL
  FROM pg_language l WHERE own(pg_language, l) AND lanname <> 'plpgsql'
UNION ALL
SELECT ARRAY['access method', amname], '', amhandler::text, NULL FROM pg_am a WHERE own(pg_am, a)"""

FOREIGN = """SELECT ARRAY['wrapper', fdwname], '', concat_ws(' ', nullif(fdwhandler, 0)::regproc::text,
    nullif(fdwvalidator, 0)::regproc::text, sorted(fdwoptions)), NULL
  FROM pg_foreign_data_wrapper w WHERE own(pg_foreign_data_wrapper, w)
UNION ALL
SELECT ARRAY['server', srvname], '', concat_ws(' ', (SELECT quote_ident(fdwname) FROM pg_foreign_data_wrapper
    WHERE oid = srvfdw), srvtype, srvversion, sorted(srvoptions)), NULL
  FROM pg_foreign_server s WHERE own(pg_foreign_server, s)"""

PUBLICATIONS = """SELECT ARRAY['publication', pubname], '', concat_ws(' ',
    CASE WHEN puballtables THEN 'all tables' END, CASE WHEN pubinsert THEN 'insert' END,
    CASE WHEN pubupdate THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END,
    CASE WHEN pubtruncate THEN 'truncate' END, {via_root}
    (SELECT string_agg(concat_ws(' ', prrelid::regclass::text {where}), ', '
        ORDER BY prrelid::regclass::text COLLATE "C")
       FROM pg_publication_rel WHERE prpubid = p.oid) {schemas_of}), NULL
  FROM pg_publication p WHERE own(pg_publication, p)
UNION ALL
SELECT ARRAY['event trigger', evtname], '', concat_ws(' ', evtevent, evtfoid::regprocedure::text, evtenabled::text,
    evttags::text), NULL
  FROM pg_event_trigger e WHERE own(pg_event_trigger, e)"""

COMMENTS = """SELECT object_names,
    coalesce('(' || nullif(array_to_string(object_args, ', '), '') || ')', '') || ' ' || type,
    quote_literal(description), NULL
  FROM pg_description, LATERAL pg_identify_object_as_address(classoid, objoid, objsubid)
 WHERE NOT EXISTS (SELECT FROM theirs WHERE classid = classoid AND objid = objoid)
   AND ((classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM relations WHERE relkind NOT IN ('i', 'I')))
     OR (classoid = 'pg_class'::regclass AND objoid IN (SELECT indexrelid FROM pg_index
            JOIN relations r ON r.oid = indrelid WHERE indisvalid))
     OR (classoid = 'pg_proc'::regclass AND objoid IN (SELECT oid FROM routines))
     OR (classoid = 'pg_type'::regclass AND objoid IN (SELECT oid FROM types))
     OR (classoid = 'pg_namespace'::regclass AND objoid IN (SELECT oid FROM mine WHERE nspname <> 'public'))
     OR (classoid = 'pg_constraint'::regclass AND objoid IN (SELECT c.oid FROM pg_constraint c
                                                               JOIN mine ON mine.oid = connamespace))
     OR (classoid = 'pg_trigger'::regclass AND objoid IN (SELECT t.oid FROM pg_trigger t
                                                            JOIN relations r ON r.oid = tgrelid))
     OR (classoid = 'pg_policy'::regclass AND objoid IN (SELECT p.oid FROM pg_policy p
                                                           JOIN relations r ON r.oid = polrelid))
     OR (classoid = 'pg_largeobject'::regclass AND {has_large_objects}))"""

# Every object that has an owner and rights, each under the name that it has in its own kind.
OWNED = """, owned AS (
    SELECT ARRAY[nspname, relname] AS parts, '' AS suffix, relowner AS owner, relacl AS acl,
           CASE relkind WHEN 'S' THEN 's' ELSE 'r' END AS class
      FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT ARRAY[nspname, proname], '(' || arguments || ')', proowner, proacl, 'f' FROM routines
    UNION ALL SELECT ARRAY['type', nspname, typname], '', typowner, typacl, 'T' FROM types
    UNION ALL SELECT ARRAY['schema', n.nspname], '', nspowner, nspacl, 'n'
      FROM pg_namespace n JOIN mine ON mine.oid = n.oid WHERE n.nspname <> 'public'
    UNION ALL SELECT ARRAY['large object', oid::text], '', lomowner, lomacl, 'L' FROM pg_largeobject_metadata
     WHERE {has_large_objects}
)"""

OWNERS = "SELECT parts, suffix, pg_get_userbyid(owner)::text, NULL FROM owned"

# Rights that are what they are by default are not listed: whether they are written down makes no difference.
GRANTS = """, listed AS (
    SELECT parts, suffix, owner, acl, acldefault(class::"char", owner) AS usual FROM owned WHERE acl IS NOT NULL
    UNION ALL
    SELECT ARRAY[nspname, relname, attname], '', relowner, attacl, NULL FROM relations r
      JOIN pg_attribute ON attrelid = r.oid WHERE attacl IS NOT NULL AND NOT attisdropped
), told AS (
    SELECT parts, suffix, said(acl) AS has, said(usual) AS usual FROM listed
)
SELECT parts, suffix, coalesce(has, 'nobody'), NULL FROM told WHERE has IS DISTINCT FROM usual
UNION ALL
SELECT ARRAY['default', defaclobjtype::text, pg_get_userbyid(defaclrole)::text, coalesce(nspname::text, '')], '',
    said(defaclacl), NULL
  FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace
 WHERE defaclnamespace IN (SELECT oid FROM mine) OR (defaclnamespace = 0 AND {has_large_objects})"""

# Columns by name: their numbers are others where one was dropped.
_WHERE = """, pg_get_expr(prqual, prrelid), (SELECT string_agg(quote_ident(attname), ' ' ORDER BY attname)
    FROM pg_attribute WHERE attrelid = prrelid AND attnum = ANY(prattrs::int2[]))"""
_SCHEMAS_OF = """, (SELECT string_agg(one, ', ' ORDER BY one COLLATE "C")
    FROM (SELECT pnnspid::regnamespace::text AS one FROM pg_publication_namespace WHERE pnpubid = p.oid) AS named)"""

_SAID = """(SELECT string_agg(who || '=' || privilege_type || CASE WHEN is_grantable THEN '*' ELSE '' END, ', '
    ORDER BY who, privilege_type) FROM (SELECT DISTINCT CASE grantee WHEN 0 THEN 'public' ELSE
        pg_get_userbyid(grantee)::text END COLLATE "C" AS who,
        privilege_type COLLATE "C" AS privilege_type, is_grantable
      FROM aclexplode({acl}) WHERE privilege_type {which} 'MAINTAIN') AS g)"""


def other_kinds(version: int, *, has_filter: bool) -> dict[str, Callable[[str], str]]:
    """Return the kinds of a server of ``version``, each with what makes its statement from the schemas' oids.

    With a filter of schemas a dump has nothing that stands outside of them.
    """
    locale = "colliculocale" if version < 170_000 else "colllocale"
    pieces = {
        "locale": f"{locale}," if version >= 150_000 else "",
        "via_root": "CASE WHEN pubviaroot THEN 'via root' END," if version >= 130_000 else "",
        "where": _WHERE if version >= 150_000 else "",
        "schemas_of": _SCHEMAS_OF if version >= 150_000 else "",
        "has_large_objects": "false" if has_filter else "true",
    }
    statements = {"operators": OPERATORS, "collations": COLLATIONS, "text_search": TEXT_SEARCH, "comments": COMMENTS}
    statements |= {"owners": OWNED + OWNERS, "grants": OWNED + _grants("<>")}
    if version >= 170_000:
        statements["grants_maintain"] = OWNED + _grants("=")
    if not has_filter:
        statements |= {"extensions": EXTENSIONS, "casts": CASTS, "foreign": FOREIGN, "publications": PUBLICATIONS}
    return {kind: _made(statement, pieces) for kind, statement in statements.items()}


def _grants(which: str) -> str:
    statement = GRANTS
    for acl in ("acl", "usual", "defaclacl"):
        statement = statement.replace(f"said({acl})", _SAID.format(acl=acl, which=which))
    return statement


def _made(statement: str, pieces: dict[str, str]) -> Callable[[str], str]:
    for name, piece in pieces.items():
        statement = statement.replace(f"{{{name}}}", piece)
    statement = with_options(_OWN.sub(_IS_OWN, statement))
    return lambda schemas: COMMON.replace("{schemas}", f"'{schemas}'") + statement
