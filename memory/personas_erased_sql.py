"""Versions of personas never change, but an erasure of their tenant blanks them: contexts that were shown refer to them."""

PERSONAS_ERASED_SQL = """
CREATE FUNCTION chimera_erase_personas(erasure uuid) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    mine uuid := NULLIF(current_setting('chimera.tenant', true), '')::uuid;
    open memory_memoryerasure;
    blank int;
BEGIN
    SELECT * INTO open FROM memory_memoryerasure e
    WHERE e.id = erasure AND e.tenant_id = mine AND e.scope = 'tenant' AND e.status = 'requested';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no erasure of this tenant is under way' USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE kernel_event SET payload = payload || '{"reason": "[erased]"}'
    WHERE tenant_id = mine AND type = 'memory.persona.retired.v1' AND payload->>'reason' <> '[erased]'
        AND aggregate_id IN (SELECT p.id FROM memory_persona p WHERE p.tenant_id = mine AND p.created_at <= open.requested_at);
    -- The text comes again as another version, so the hash of what was erased may not stand in its way, nor tell of it.
    UPDATE memory_personaversion v SET name = '[erased]', voice_traits = '[]', directives = '[]', body = '', masked = '{}',
        contradictions = '[]', sha256 = encode(sha256(v.id::text::bytea), 'hex')
    WHERE v.tenant_id = mine AND v.created_at <= open.requested_at AND v.name <> '[erased]';
    GET DIAGNOSTICS blank = ROW_COUNT;
    UPDATE memory_persona p SET name = '[erased]', key = 'erased-' || p.id, retired_at = coalesce(p.retired_at, now()),
        retired_reason = '[erased]', version = p.version + 1
    WHERE p.tenant_id = mine AND p.created_at <= open.requested_at AND p.name <> '[erased]' AND NOT EXISTS (
        SELECT 1 FROM memory_personaversion v WHERE v.persona_id = p.id AND v.name <> '[erased]'
    );
    RETURN blank;
END $$;
CREATE OR REPLACE FUNCTION chimera_keep_persona() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.name = '[erased]' AND NEW.body = '' AND (NEW.id, NEW.tenant_id, NEW.persona_id, NEW.number, NEW.created_by, NEW.created_at)
        = (OLD.id, OLD.tenant_id, OLD.persona_id, OLD.number, OLD.created_by, OLD.created_at) AND EXISTS (
            SELECT 1 FROM memory_memoryerasure e WHERE e.tenant_id = OLD.tenant_id AND e.scope = 'tenant' AND e.status = 'requested'
        ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a version of a persona is never changed: add another'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'persona_stands';
END $$;
REVOKE ALL ON FUNCTION chimera_erase_personas(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera_erase_personas(uuid) TO chimera_app;
"""
PERSONAS_ERASED_REVERSE_SQL = """
DROP FUNCTION chimera_erase_personas(uuid);
CREATE OR REPLACE FUNCTION chimera_keep_persona() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'a version of a persona is never changed: add another'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'persona_stands';
END $$;
"""
