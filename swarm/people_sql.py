"""Who am I, once a tenant may switch memberships off, end sessions and ask for a second factor; in place of swarm.identity_sql.

A token is refused by the tenant that asks for a second factor as long as its person has none. The table of second factors is
django-allauth's; it is looked up when the function runs, and need not be there when this one is made.
"""

PEOPLE_SQL = """
CREATE OR REPLACE FUNCTION chimera_identify(secret_digest bytea) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    found jsonb;
BEGIN
    SELECT who INTO found FROM (
    SELECT jsonb_build_object(
        'kind', 'agent', 'tenant_id', k.tenant_id, 'id', a.id, 'name', a.name, 'roles', jsonb_build_array(a.role),
        'scopes', to_jsonb(k.scopes), 'credential_id', k.id,
        'refusal', CASE
            WHEN k.revoked_at IS NOT NULL THEN 'This key was revoked; an operator issues a new one.'
            WHEN k.expires_at <= now() THEN 'This key has expired; an operator issues a new one.'
            WHEN a.status = 'suspended' THEN 'This agent was suspended; an operator lets it in again.'
            ELSE '' END) AS who
    FROM swarm_agentkey k JOIN swarm_agentprofile a ON a.id = k.agent_id
    WHERE k.digest = secret_digest
    UNION ALL
    SELECT jsonb_build_object(
        'kind', 'person', 'tenant_id', t.tenant_id, 'id', u.id, 'name', u.username, 'roles', to_jsonb(m.roles),
        'scopes', to_jsonb(t.scopes), 'credential_id', t.id,
        'refusal', CASE
            WHEN t.revoked_at IS NOT NULL THEN 'This token was revoked; make a new one.'
            WHEN t.expires_at <= now() THEN 'This token has expired; make a new one.'
            WHEN NOT u.is_active THEN 'This account is switched off.'
            WHEN m.disabled_at IS NOT NULL THEN 'This membership was switched off; an admin of the tenant switches it on.'
            WHEN h.second_factor_required AND NOT EXISTS (
                SELECT 1 FROM mfa_authenticator f WHERE f.user_id = u.id AND f.type = 'totp'
            ) THEN 'This tenant asks for a second factor; set one up at /admin/second-factor/, and the token works again.'
            ELSE '' END)
    FROM swarm_personaltoken t
    JOIN auth_user u ON u.id = t.user_id
    JOIN swarm_membership m ON m.user_id = t.user_id AND m.tenant_id = t.tenant_id
    JOIN swarm_tenant h ON h.id = t.tenant_id
    WHERE t.digest = secret_digest
    ) known;
    IF found ->> 'kind' = 'agent' AND found ->> 'refusal' = '' THEN
        -- Last use to the minute: a key in steady use costs one small write a minute.
        UPDATE swarm_agentkey SET last_used_at = now()
        WHERE digest = secret_digest AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
    END IF;
    RETURN found;
END $$;

DROP FUNCTION chimera_memberships(int);
CREATE FUNCTION chimera_memberships(of_user int) RETURNS TABLE (
    membership_id uuid, version int, tenant_id uuid, tenant_name text, roles text[], sessions_from timestamptz,
    second_factor_required boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT m.id, m.version, m.tenant_id, t.name::text, m.roles::text[], m.sessions_from, t.second_factor_required
    FROM swarm_membership m JOIN swarm_tenant t ON t.id = m.tenant_id
    WHERE m.user_id = of_user AND m.disabled_at IS NULL ORDER BY t.name
$$;
REVOKE ALL ON FUNCTION chimera_memberships(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION chimera_memberships(int) TO chimera_app;
"""
