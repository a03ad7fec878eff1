#!/bin/sh
# What `toolkit verify` does in every zone, with the aws CLI and openssl, zone after zone. Measured beside it.
# Usage: verify-zones.sh AUTHORITY_ARN AUTHORITY_REGION SIGNING_ALGORITHM DIRECTORY
# DIRECTORY holds chain.pem and zones.txt: a line of name, region and role ARN for each zone.
set -eu
authority=$1 region=$2 algorithm=$3 directory=$4
administrator_key=$AWS_ACCESS_KEY_ID administrator_secret=$AWS_SECRET_ACCESS_KEY

while read -r zone zone_region role; do
  AWS_ACCESS_KEY_ID=$administrator_key AWS_SECRET_ACCESS_KEY=$administrator_secret
  unset AWS_SESSION_TOKEN
  # shellcheck disable=SC2046 # three words are wanted
  set -- $(aws sts assume-role --region "$zone_region" --role-arn "$role" --role-session-name verify \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3
  aws sts get-caller-identity --region "$zone_region" --query Arn --output text | grep -q ":assumed-role/"
  aws acm-pca describe-certificate-authority --region "$region" --certificate-authority-arn "$authority" \
    --query CertificateAuthority.Status --output text | grep -qx ACTIVE
  openssl req -new -newkey rsa:2048 -nodes -keyout "$directory/key.pem" -out "$directory/request.pem" -subj / \
    -addext "subjectAltName=critical,URI:spiffe://default/verify,URI:kuma://kuma.io/zone/$zone" 2>/dev/null
  certificate=$(aws acm-pca issue-certificate --region "$region" --certificate-authority-arn "$authority" \
    --csr "fileb://$directory/request.pem" --signing-algorithm "$algorithm" --validity Value=1,Type=DAYS \
    --template-arn arn:aws:acm-pca:::template/EndEntityCertificate/V1 --query CertificateArn --output text)
  aws acm-pca wait certificate-issued --region "$region" --certificate-authority-arn "$authority" \
    --certificate-arn "$certificate"
  aws acm-pca get-certificate --region "$region" --certificate-authority-arn "$authority" \
    --certificate-arn "$certificate" --query Certificate --output text >"$directory/leaf.pem"
  openssl verify -CAfile "$directory/chain.pem" "$directory/leaf.pem"
  openssl x509 -in "$directory/leaf.pem" -noout -ext subjectAltName,extendedKeyUsage,keyUsage,basicConstraints
  rm "$directory/key.pem"
done <"$directory/zones.txt"
